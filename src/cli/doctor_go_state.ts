import type { Config } from "../config/config.ts";
import { Fault } from "../core/fault.ts";
import { type Finding, findingOfFault, ok, warning } from "../core/finding.ts";
import { goFolderFor } from "../state/go_layout/go_state.ts";
import { readGoState } from "../state/go_layout/read_go_state.ts";
import { describeDamage, describeGoState } from "./adopt_go_state.ts";
import { GO_PENDING, toStreams } from "./go_streams.ts";
import { CHANGING, refuseHalfOfState } from "./replace_state.ts";
import { usesStateServer } from "./state_server.ts";
import type { Positions } from "./state_store.ts";

/** What is to be said of the state before its position; undefined when that is all there is. */
export async function probeGoState(
  config: Config,
  positions: Positions,
  nowMs: number,
): Promise<Finding | undefined> {
  try {
    const changing = positions.get(CHANGING);
    if (changing?.["by"] !== "adoption") refuseHalfOfState(changing);
    if (positions.has(GO_PENDING)) {
      return ok("The Go handler's state is taken over; a start asks Teleport where it stopped");
    }
    if (positions.size > 0 || usesStateServer(config)) return undefined;
    const folder = goFolderFor(config.storage, config.teleportAddr);
    const found = await readGoState(folder, nowMs);
    if (found === undefined) return undefined;
    toStreams(found.state, { folder, nowMs, startMs: config.startTimeMs });
    const text = "Nothing is stored yet: the first start takes over the state of the Go handler";
    const details = Object.entries(describeGoState(found.state))
      .map(([name, value]) => `${name}: ${value}`);
    if (found.damages.length === 0) return ok(text, { details });
    return warning(text, {
      advice: "Nothing is lost by what is damaged; some events come twice",
      details: [...found.damages.map(describeDamage), ...details],
    });
  } catch (error) {
    if (error instanceof Fault) return findingOfFault(error);
    throw error;
  }
}
