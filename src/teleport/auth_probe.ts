import type { Client } from "@connectrpc/connect";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Fault } from "../core/fault.ts";
import { failed, type Finding, findingOfFault, ok, warning } from "../core/finding.ts";
import type { AuditLogService } from "./gen/teleport/auditlog/v1/auditlog_pb.ts";
import type { AuthService } from "./gen/teleport/legacy/client/proto/authservice_pb.ts";
import { toTeleportFault } from "./grpc_fault.ts";
import type { PagedAuditLog } from "./log_query.ts";
import { readNewestEventTime } from "./newest_event.ts";
import { OLDEST_MAJOR, parseMajor } from "./server_version.ts";

/** The calls that are tried. */
export type ProbedAuditLog =
  & PagedAuditLog
  & Pick<Client<typeof AuditLogService>, "getEventExportChunks">;

const MINUTE_MS = 60_000;

/** What cannot be tried without a trace in the audit log. */
const UNTRIED = [
  "Not tried, as that would be an audit event: list and read on session, for session recordings",
];

/** Asks for the server's version and the cluster's name, which every user may. */
export async function probePing(
  auth: Pick<Client<typeof AuthService>, "ping">,
  signal: AbortSignal,
): Promise<Finding> {
  try {
    const { ClusterName: cluster, ServerVersion: version } = await auth.ping({}, { signal });
    const text = `Teleport ${version || "of an unknown version"}, cluster '${cluster}'`;
    return parseMajor(version) < OLDEST_MAJOR
      ? failed("unsupported", `${text}: too old`, {
        advice: `Teleport ${OLDEST_MAJOR} or newer is needed`,
      })
      : ok(text);
  } catch (error) {
    // A start does not ask for it.
    const { text } = findingOfCall("ask for the server's version", error, signal);
    return warning(text, { advice: `Teleport ${OLDEST_MAJOR} or newer is needed` });
  }
}

/** What a look at the events brought. */
export interface EventReadProbe {
  readonly finding: Finding;
  /** Time of the newest event, where there is one. */
  readonly newestMs?: number | undefined;
}

/** Reads the newest event of the last day: whether the role allows it. */
export async function probeEventRead(
  auditLog: ProbedAuditLog,
  nowMs: number,
  signal: AbortSignal,
): Promise<EventReadProbe> {
  try {
    const newestMs = await readNewestEventTime(auditLog, nowMs, signal);
    if (newestMs === undefined) {
      return { finding: ok("Events may be read; there is none of today", { details: UNTRIED }) };
    }
    const newest = `the newest is of ${new Date(newestMs).toISOString()}`;
    return { finding: ok(`Events may be read; ${newest}`, { details: UNTRIED }), newestMs };
  } catch (error) {
    return { finding: findingOfCall("read the audit log", error, signal) };
  }
}

/** Tries the bulk export, which servers with some back ends have. */
export async function probeExportMode(
  auditLog: ProbedAuditLog,
  nowMs: number,
  signal: AbortSignal,
): Promise<Finding> {
  try {
    const chunks = auditLog.getEventExportChunks({ date: timestampFromMs(nowMs) }, { signal });
    let count = 0;
    for await (const _ of chunks) count++;
    return ok(`The server offers the bulk export (${count} chunk${count === 1 ? "" : "s"} today)`);
  } catch (error) {
    const fault = toTeleportFault("list the chunks of a bulk export", error);
    if (fault.kind === "unsupported") return ok("By pages; the server has no bulk export");
    return findingOfCall("list the chunks of a bulk export", error, signal);
  }
}

/** Judges this machine's clock by the newest event: none can be of the future. */
export function judgeClock(newestMs: number | undefined, nowMs: number): Finding | undefined {
  const aheadMs = (newestMs ?? 0) - nowMs;
  if (aheadMs < MINUTE_MS) return undefined;
  const minutes = Math.round(aheadMs / MINUTE_MS);
  return warning(`The newest event is ${minutes} min ahead of the clock here`, {
    advice: "Set the clock of this machine, or of the one that wrote the event, by NTP",
  });
}

function findingOfCall(call: string, error: unknown, signal: AbortSignal): Finding {
  if (signal.aborted && !(error instanceof Fault)) {
    return failed("unavailable", `Cannot ${call}: no answer in time`, {
      advice: "The server is overloaded, or something between drops what is sent",
    });
  }
  return findingOfFault(toTeleportFault(call, error));
}
