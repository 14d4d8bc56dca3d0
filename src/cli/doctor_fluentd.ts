import { systemFiles } from "../config/config_files.ts";
import { readFluentdKeyPassphrase } from "../config/passphrase.ts";
import { Fault } from "../core/fault.ts";
import { type Finding, findingOfFault, ok } from "../core/finding.ts";
import { inspectReceiverCredentials } from "../fluentd/receiver_credential_facts.ts";
import { probeReceiverPost } from "../fluentd/receiver_post.ts";
import { endpointOf, probeReceiverPort, probeReceiverTls } from "../fluentd/receiver_probe.ts";
import { configOf, type DoctorFacts } from "./doctor_facts.ts";
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
      name: "fluentd-port",
      subject: "Fluentd port",
      needs: ["settings"],
      limitMs: 6000,
      run: (signal) => probeReceiverPort(configOf(facts).fluentdUrl, signal),
    },
    {
      name: "fluentd-certificate",
      subject: "Fluentd certificate",
      needs: ["fluentd-credentials", "fluentd-port"],
      run: (signal) => checkTls(facts, "fluentd.url", signal),
    },
    {
      name: "fluentd-answer",
      subject: "Fluentd answer",
      needs: ["fluentd-certificate"],
      async run(signal) {
        const url = configOf(facts).fluentdUrl;
        const userAgent = `teleport-event-handler/${VERSION}`;
        const startMs = facts.clock.nowMs();
        const { dateMs, finding } = await probeReceiverPost(
          { url, tls: facts.receiverTls!, userAgent },
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
      after: ["fluentd-certificate"],
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

function checkTls(
  facts: DoctorFacts,
  setting: "fluentd.url" | "fluentd.session-url",
  signal: AbortSignal,
): Promise<Finding> {
  const { fluentdSessionUrl, fluentdUrl } = configOf(facts);
  return probeReceiverTls({
    url: setting === "fluentd.url" ? fluentdUrl : fluentdSessionUrl,
    setting,
    tls: facts.receiverTls!,
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
  const { host, port } = endpointOf(fluentdSessionUrl);
  const reached = await probeReceiverPort(fluentdSessionUrl, signal);
  if (reached.status === "failed") return reached;
  const judged = await checkTls(facts, "fluentd.session-url", signal);
  if (judged.status === "failed") return judged;
  return { ...judged, text: `${host} port ${port}: ${judged.text}; nothing is posted there` };
}
