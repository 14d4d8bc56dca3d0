import { systemClock } from "../core/clock.ts";
import { escapeControls } from "../core/escape_controls.ts";
import { Fault, formatError } from "../core/fault.ts";
import type { StreamPosition } from "../pipeline/ports.ts";
import { readGoState } from "../state/go_layout/read_go_state.ts";
import { adoptedStream, describeDamage } from "./adopt_go_state.ts";
import { toStreams } from "./go_streams.ts";
import { CHANGING, listStreams, replaceState } from "./replace_state.ts";
import { isWanted } from "./state_confirm.ts";
import { parseStateDocument } from "./state_document.ts";
import { goFolderOf } from "./state_export.ts";
import { openStateStore } from "./state_store.ts";
import { describeStreams } from "./state_summary.ts";
import type { StateContext } from "./state_table.ts";
import { writeErr, writeOut } from "./terminal.ts";

/** A state as large as that is none. */
const MAX_BYTES = 256 * 1024 * 1024;

/** `state import`: puts a state in place of the one that is stored, whole or not at all. */
export async function importState(context: StateContext): Promise<number> {
  const streams = context.flags.has("--go-layout")
    ? await readGoStreams(context)
    : parseStateDocument(...await readText(context));
  using store = await openStateStore(context);
  const before = await listStreams(store);
  if (before.some(({ streamId }) => streamId !== CHANGING)) {
    const lines = [
      `What is stored: ${describeStreams(before)}`,
      `What takes its place: ${describeStreams(streams)}`,
    ].map(escapeControls);
    if (!await isWanted(context, "replace the stored state", lines)) {
      writeOut("Nothing was changed\n");
      return 0;
    }
  }
  await replaceState(store, streams);
  writeOut(escapeControls(`Imported: ${describeStreams(streams)}`) + "\n");
  return 0;
}

async function readGoStreams(context: StateContext): Promise<StreamPosition[]> {
  const folder = goFolderOf(context);
  const nowMs = systemClock.nowMs();
  const found = await readGoState(folder, nowMs);
  if (found === undefined) {
    throw new Fault("state", `There is no state of the Go handler in '${folder}'`, {
      hint: "Give what its storage names, and the same teleport-addr: both name the folder",
    });
  }
  for (const damage of found.damages) writeErr(`${escapeControls(describeDamage(damage))}\n`);
  const startMs = context.config.startTimeMs;
  return [...toStreams(found.state, { folder, nowMs, startMs }), adoptedStream(found, nowMs)];
}

async function readText({ entries }: StateContext): Promise<[text: string, source: string]> {
  const [path] = entries;
  if (path === undefined && Deno.stdin.isTerminal()) {
    throw new Fault("usage", "No file is named", {
      hint: "Give one that state export has written, or its text on standard input",
    });
  }
  try {
    if (path === undefined) {
      return [await new Response(Deno.stdin.readable).text(), "standard input"];
    }
    const { isFile, size } = await Deno.stat(path);
    if (!isFile) throw new Error("It is no regular file");
    if (size > MAX_BYTES) throw new Error(`It holds ${size} bytes, which no state does`);
    return [await Deno.readTextFile(path), `'${path}'`];
  } catch (error) {
    const source = path === undefined ? "standard input" : `'${path}'`;
    throw new Fault("state", `Cannot read ${source}: ${formatError(error)}`, {
      hint: "Give a file that state export has written",
    });
  }
}
