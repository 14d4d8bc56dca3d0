import type { Config } from "../config/config.ts";
import { formatAddress } from "../config/address_text.ts";
import type { Clock } from "../core/clock.ts";
import { Fault } from "../core/fault.ts";
import { limitTime } from "../core/limit_time.ts";
import type { ReceiverTls } from "../fluentd/lane.ts";
import { endpointOf, probeReceiver } from "../fluentd/receiver_probe.ts";
import type { AuthConnection } from "../teleport/auth_connection.ts";
import type { TeleportNetwork } from "../teleport/routes/route.ts";
import { probeBulkExport } from "../teleport/chunk_list.ts";

/** Whom to reach, and with what. */
export interface RequirePeersInput {
  readonly config: Config;
  readonly clock: Clock;
  readonly connection: Pick<AuthConnection, "auditLog">;
  readonly receiverTls: ReceiverTls;
  /** The network between here and the peers. @default {without HTTP proxies} */
  readonly network?: Pick<TeleportNetwork, "findHttpProxy">;
  readonly stop: AbortSignal;
}

/**
 * Tries each peer once, at the same time: Teleport has to answer the first call that a run makes, and
 * Fluentd to finish a TLS handshake with a certificate that we trust. No event is read or sent.
 *
 * @throws {Fault} of kind `unavailable` that tells of every peer that did not. @throws `stop.reason`.
 */
export async function requirePeers(input: RequirePeersInput): Promise<void> {
  const { config, stop } = input;
  const problems = await Promise.all([
    findTeleportProblem(input),
    ...(config.dryRun ? [] : urlsToTry(config)).map((setting) =>
      findReceiverProblem(input, setting)
    ),
  ]);
  stop.throwIfAborted();
  const text = problems.filter((problem) => problem !== undefined).join(". ");
  if (text !== "") {
    throw new Fault("unavailable", text, {
      hint: "To wait for it instead, start without fail-fast",
    });
  }
}

type UrlSetting = "fluentd.url" | "fluentd.session-url";

/** The URL of recordings is tried where it leads elsewhere. */
function urlsToTry({ fluentdSessionUrl, fluentdUrl }: Config): readonly UrlSetting[] {
  const [events, sessions] = [new URL(fluentdUrl), new URL(fluentdSessionUrl)];
  return events.origin === sessions.origin
    ? ["fluentd.url"]
    : ["fluentd.url", "fluentd.session-url"];
}

async function findTeleportProblem(input: RequirePeersInput): Promise<string | undefined> {
  const { clock, config, connection: { auditLog }, stop } = input;
  const at = `Teleport at ${formatAddress(config.teleportAddr)}`;
  const timeoutMs = config.teleportTimeoutMs;
  using limit = limitTime({ clock, timeoutMs, stop });
  try {
    await probeBulkExport({ auditLog, clock, idleMs: timeoutMs }, limit.signal);
    return undefined;
  } catch (error) {
    if (limit.signal.aborted) return `${at} has not answered within ${timeoutMs / 1000} s`;
    if (!(error instanceof Fault)) throw error;
    return `${at}: ${error.text}`;
  }
}

async function findReceiverProblem(
  { clock, config, network, receiverTls, stop }: RequirePeersInput,
  setting: UrlSetting,
): Promise<string | undefined> {
  const url = setting === "fluentd.url" ? config.fluentdUrl : config.fluentdSessionUrl;
  const at = `Fluentd at ${formatAddress(endpointOf(url))}`;
  const timeoutMs = config.fluentdTimeoutMs;
  using limit = limitTime({ clock, timeoutMs, stop });
  const nowMs = clock.nowMs();
  const finding = await probeReceiver(
    { url, setting, tls: receiverTls, nowMs, ...network },
    limit.signal,
  );
  if (finding.status !== "failed") return undefined;
  return [`${at}: ${finding.text}`, finding.advice].filter((part) => part !== undefined).join(". ");
}
