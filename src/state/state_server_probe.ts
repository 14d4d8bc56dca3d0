import type { Clock } from "../core/clock.ts";
import { Fault } from "../core/fault.ts";
import { failed, type Finding, findingOfFault, ok } from "../core/finding.ts";
import type { Position } from "../core/position.ts";
import { encodeKvValue, type KvConnection } from "./kv_connection.ts";
import { KvPositionStore } from "./kv_position_store.ts";
import type { StateProbe } from "./state_probe.ts";

/** Leaves room for two calls in the time that doctor gives to a check. */
const LIMIT_MS = 3000;

/**
 * Finds out whether a server can be reached, takes our token, and gives back what was written to it.
 * Never throws.
 */
export async function probeStateServer(
  { db, prefix }: KvConnection,
  clock: Clock,
): Promise<Finding> {
  const key = [...prefix, "doctor"];
  const value = encodeKvValue({ id: crypto.randomUUID() });
  const call = { limitMs: LIMIT_MS };
  try {
    // The first call is told who is asking, which later ones are not.
    await db.read([key], call);
    const startedMs = clock.monotonicMs();
    const version = await db.write({ set: [{ key, value }] }, call);
    const writeMs = clock.monotonicMs() - startedMs;
    const [entry] = await db.read([key], call);
    const readMs = clock.monotonicMs() - startedMs - writeMs;
    const isOurs = entry!.version === version;
    await db.write({ checks: isOurs ? [entry!] : [], remove: [key] }, call);
    if (!isOurs) {
      return failed("state", `${db.name} does not give back what was written to it`, {
        advice: "storage must be one server, or several that agree",
      });
    }
    return ok(`${db.name} takes writes (${inMs(writeMs)}) and reads (${inMs(readMs)})`);
  } catch (error) {
    return findingOf(error);
  }
}

/** Reads what a server holds for this handler. Never throws. */
export async function probeServerState(connection: KvConnection): Promise<StateProbe> {
  const positions = new Map<string, Position>();
  try {
    const store = new KvPositionStore(connection);
    for (const id of ["log", "bulk"]) {
      const position = await store.read(id);
      if (position !== undefined) positions.set(id, position);
    }
    return { finding: ok("The state can be read"), positions };
  } catch (error) {
    return { finding: findingOf(error), positions };
  }
}

function findingOf(error: unknown): Finding {
  if (error instanceof Fault) return findingOfFault(error);
  throw error;
}

function inMs(ms: number): string {
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}
