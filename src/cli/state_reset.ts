import { systemClock } from "../core/clock.ts";
import { escapeControls } from "../core/escape_controls.ts";
import { goFolderFor } from "../state/go_layout/go_state.ts";
import { readGoState } from "../state/go_layout/read_go_state.ts";
import { adoptedStream } from "./adopt_go_state.ts";
import { CHANGING, listStreams, replaceState } from "./replace_state.ts";
import { isWanted } from "./state_confirm.ts";
import { usesStateServer } from "./state_server.ts";
import { hasStateStore, openStateStore } from "./state_store.ts";
import { describeStreams } from "./state_summary.ts";
import type { StateContext } from "./state_table.ts";
import { writeOut } from "./terminal.ts";

/** `state reset`: forgets how far everything got; the quarantine stays. */
export async function resetState(context: StateContext): Promise<number> {
  const adopted = await findGoMark(context);
  if (!await hasStateStore(context) && adopted.length === 0) {
    writeOut("Nothing is stored: nothing to reset\n");
    return 0;
  }
  using store = await openStateStore(context);
  const before = await listStreams(store);
  const lines = [
    `What is stored: ${describeStreams(before.filter(({ streamId }) => streamId !== CHANGING))}`,
    "The next start begins at start-time, or with the events of then",
  ].map(escapeControls);
  if (!await isWanted(context, "forget all of it", lines)) {
    writeOut("Nothing was changed\n");
    return 0;
  }
  await replaceState(store, adopted);
  writeOut("Done: the next start begins at start-time, or with the events of then\n");
  return 0;
}

/** What the Go handler left is not to be taken over after that: whoever resets means a new beginning. */
async function findGoMark({ config }: StateContext) {
  if (usesStateServer(config)) return [];
  const nowMs = systemClock.nowMs();
  const found = await readGoState(goFolderFor(config.storage, config.teleportAddr), nowMs);
  return found === undefined ? [] : [adoptedStream(found, nowMs)];
}
