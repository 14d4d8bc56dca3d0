import { formatByteSize } from "../core/byte_size.ts";
import { Fault, formatError } from "../core/fault.ts";
import { type Finding, ok, warning } from "../core/finding.ts";
import type { QuarantineEntries } from "./quarantine_entries.ts";

/** Counts the events in a quarantine, for doctor. Never throws. */
export async function probeQuarantine(quarantine: QuarantineEntries): Promise<Finding> {
  let count = 0;
  let bytes = 0;
  try {
    ({ bytes, count } = await quarantine.measure());
  } catch (error) {
    const { hint, message } = error instanceof Fault
      ? error
      : { hint: undefined, message: formatError(error) };
    return warning("The quarantine cannot be read", {
      advice: hint ?? "Run doctor as the user of the handler",
      details: [message],
    });
  }
  if (count === 0) return ok("No event was rejected");
  const events = count === 1
    ? "1 event that Fluentd rejected is"
    : `${count} events that Fluentd rejected are`;
  return warning(`${events} kept in '${quarantine.place}' (${formatByteSize(bytes)})`, {
    advice: "See state quarantine list; replay sends them again, once the reason is gone",
  });
}
