import type { Config } from "../config/config.ts";
import type { Clock } from "../core/clock.ts";
import { escapeControls } from "../core/escape_controls.ts";
import { Fault } from "../core/fault.ts";
import { keysBelow, type KvConnection } from "../state/kv_connection.ts";
import { writeErr } from "./terminal.ts";

/**
 * Makes sure that no handler runs with a state on a server. A lease that is there is watched for as long
 * as one lasts: that of a handler that was killed never changes.
 *
 * @throws {Fault} of kind `state` that names the one that runs.
 */
export async function refuseRunningReplicas(
  { db, prefix }: KvConnection,
  { leaseDurationMs, leaseRetryMs }: Pick<Config, "leaseDurationMs" | "leaseRetryMs">,
  clock: Clock,
): Promise<void> {
  const readLeases = async () => {
    const entries = await Array.fromAsync(db.list(keysBelow([...prefix, "lease"])));
    return new Map(entries.map(({ key, version }) => [key.at(-1)!, version]));
  };
  const first = await readLeases();
  if (first.size === 0) return;
  const endMs = clock.monotonicMs() + leaseDurationMs;
  const names = escapeControls([...first.keys()].join(", "));
  writeErr(`Looking for up to ${leaseDurationMs / 1000} s whether these still run: ${names}\n`);
  do {
    await clock.sleep(leaseRetryMs);
    for (const [id, version] of await readLeases()) {
      if (first.get(id) === version) continue;
      throw new Fault("state", `The state is in use by the handler '${escapeControls(id)}'`, {
        hint: "Stop all handlers that share it first; state show works while they run",
      });
    }
  } while (clock.monotonicMs() < endMs);
}
