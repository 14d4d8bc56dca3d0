import { formatError } from "../core/fault.ts";
import { type Finding, ok, warning } from "../core/finding.ts";

const NEWLINE = 0x0a;

/** Counts the events in the quarantine of a storage folder. Never throws. */
export async function probeQuarantine(folder: string): Promise<Finding> {
  let count = 0;
  try {
    for await (const { isFile, name } of Deno.readDir(`${folder}/quarantine`)) {
      if (isFile && name.endsWith(".jsonl")) {
        count += await countLines(`${folder}/quarantine/${name}`);
      }
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory)) {
      return warning("The quarantine cannot be read", {
        advice: "Run doctor as the user of the handler",
        details: [formatError(error)],
      });
    }
  }
  if (count === 0) return ok("No event was rejected");
  const events = count === 1
    ? "1 event that Fluentd rejected is"
    : `${count} events that Fluentd rejected are`;
  return warning(`${events} kept in '${folder}/quarantine'`, {
    advice: "Each line there holds the reason and the event",
  });
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
