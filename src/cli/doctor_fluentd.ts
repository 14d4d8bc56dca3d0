import { systemFiles } from "../config/config_files.ts";
import { readFluentdKeyPassphrase } from "../config/passphrase.ts";
import { Fault } from "../core/fault.ts";
import { type Finding, findingOfFault, ok } from "../core/finding.ts";
import { inspectReceiverCredentials } from "../fluentd/receiver_credential_facts.ts";
import { probeReceiverPost } from "../fluentd/receiver_post.ts";
import { probeReceiver } from "../fluentd/receiver_probe.ts";
import { configOf, type DoctorFacts, networkOf } from "./doctor_facts.ts";
import type { Check } from "./doctor_run.ts";
import { VERSION } from "./version.ts";

/** Checks of the way to Fluentd, up to an answer of it. */
export function fluentdChecks(facts: DoctorFacts): readonly Check[] {
  return [
    {
      name: "fluentd-credentials",
      subject: "Fluentd credentials",
      needs: ["settings"],
      run: () => checkCredentials(facts),
    },
    {
      name: "fluentd-server",
      subject: "Fluentd server",
      needs: ["fluentd-credentials"],
      run: (signal) => probe(facts, "fluentd.url", signal),
    },
    {
      name: "fluentd-answer",
      subject: "Fluentd answer",
      needs: ["fluentd-server"],
      async run(signal) {
        const url = configOf(facts).fluentdUrl;
        const { findHttpProxy } = networkOf(facts);
        const userAgent = `teleport-event-handler/${VERSION}`;
        const startMs = facts.clock.nowMs();
        const { dateMs, finding } = await probeReceiverPost(
          { url, tls: facts.receiverTls!, userAgent, clock: facts.clock, findHttpProxy },
          signal,
        );
        if (dateMs !== undefined) {
          facts.receiverAheadMs = dateMs - (startMs + facts.clock.nowMs()) / 2;
        }
        return finding;
      },
    },
    {
      name: "fluentd-session-url",
      subject: "Fluentd session URL",
      needs: ["fluentd-credentials"],
      after: ["fluentd-answer"],
      run: (signal) => checkSessionUrl(facts, signal),
    },
  ];
}

async function checkCredentials(facts: DoctorFacts): Promise<Finding> {
  const config = configOf(facts);
  const { fluentdCert: certificate, fluentdKey: key } = config;
  try {
    const { finding, tls } = await inspectReceiverCredentials({
      authority: config.fluentdCa,
      client: certificate === undefined || key === undefined ? undefined : {
        certificate,
        key,
        passphrase: await readFluentdKeyPassphrase(config, systemFiles),
      },
    }, facts.clock.nowMs());
    if (tls !== undefined) facts.receiverTls = tls;
    return finding;
  } catch (error) {
    if (error instanceof Fault) return findingOfFault(error);
    throw error;
  }
}

async function probe(
  facts: DoctorFacts,
  setting: "fluentd.url" | "fluentd.session-url",
  signal: AbortSignal,
): Promise<Finding> {
  const { fluentdSessionUrl, fluentdUrl } = configOf(facts);
  return await probeReceiver({
    url: setting === "fluentd.url" ? fluentdUrl : fluentdSessionUrl,
    setting,
    tls: facts.receiverTls!,
    findHttpProxy: networkOf(facts).findHttpProxy,
    nowMs: facts.clock.nowMs(),
  }, signal);
}

/** Nothing is posted there: each path is a tag of its own, for which Fluentd may have no match. */
async function checkSessionUrl(facts: DoctorFacts, signal: AbortSignal): Promise<Finding> {
  const { fluentdSessionUrl, fluentdUrl } = configOf(facts);
  const [session, events] = [new URL(fluentdSessionUrl), new URL(fluentdUrl)];
  if (session.origin === events.origin) {
    return ok("The same host and port as for the audit log; nothing is posted there");
  }
  const finding = await probe(facts, "fluentd.session-url", signal);
  return finding.status === "failed"
    ? finding
    : { ...finding, text: `${finding.text}; nothing is posted there` };
}
