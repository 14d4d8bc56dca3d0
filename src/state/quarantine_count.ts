import { formatByteSize } from "../core/byte_size.ts";
import { formatError } from "../core/fault.ts";
import { type Finding, ok, warning } from "../core/finding.ts";
import { QuarantineFolder } from "./quarantine_folder.ts";

const NEWLINE = 0x0a;

/** Counts the events in the quarantine of a storage folder, for doctor. Never throws. */
export async function probeQuarantine(folder: string): Promise<Finding> {
  let count = 0;
  let bytes = 0;
  try {
    ({ bytes, count } = await countQuarantined(folder));
  } catch (error) {
    return warning("The quarantine cannot be read", {
      advice: "Run doctor as the user of the handler",
      details: [formatError(error)],
    });
  }
  if (count === 0) return ok("No event was rejected");
  const events = count === 1
    ? "1 event that Fluentd rejected is"
    : `${count} events that Fluentd rejected are`;
  return warning(`${events} kept in '${folder}/quarantine' (${formatByteSize(bytes)})`, {
    advice: "See state quarantine list; replay sends them again, once the reason is gone",
  });
}

/** Counts the events in the quarantine of a storage folder. @throws what reading failed by. */
export async function countQuarantined(
  folder: string,
): Promise<{ readonly count: number; readonly bytes: number }> {
  let count = 0;
  let bytes = 0;
  for (const file of await new QuarantineFolder(`${folder}/quarantine`).listFiles()) {
    count += await countLines(file.path);
    bytes += file.bytes;
  }
  return { count, bytes };
}

async function countLines(path: string): Promise<number> {
  using file = await Deno.open(path);
  let count = 0;
  let last = NEWLINE;
  for await (const chunk of file.readable) {
    for (const byte of chunk) if (byte === NEWLINE) count++;
    last = chunk.at(-1) ?? last;
  }
  return last === NEWLINE ? count : count + 1;
}
