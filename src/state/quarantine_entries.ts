import { formatByteSize } from "../core/byte_size.ts";
import { Fault } from "../core/fault.ts";
import type { QuarantineEntry } from "./quarantine_line.ts";

/** How much a quarantine holds. */
export interface QuarantineSize {
  readonly count: number;
  readonly bytes: number;
}

/**
 * A quarantine to look at, or to take entries out of, wherever it is. All methods throw a `Fault` of
 * kind `state`.
 */
export interface QuarantineEntries {
  /** Where it is, as it stands in messages. */
  readonly place: string;
  measure(): Promise<QuarantineSize>;
  /** All entries, oldest first, few in memory at a time. */
  read(): AsyncIterable<QuarantineEntry>;
  /**
   * Goes through all entries, oldest first, and takes out those for which `isDone` resolves with true.
   * Whenever the process ends, each entry is still there or was taken out. When `isDone` throws, what it
   * said yes to before is taken out all the same.
   */
  takeOut(isDone: (entry: QuarantineEntry) => Promise<boolean> | boolean): Promise<void>;
}

/** Says that there is no room left; `before` is what has to be done before entries are taken out. */
export function fullQuarantineFault(
  place: string,
  { before, bytes, maxBytes }: {
    readonly bytes: number;
    readonly maxBytes: number;
    readonly before: string;
  },
): Fault {
  return new Fault(
    "state",
    `The quarantine '${place}' is full: it holds ${formatByteSize(bytes)}, and ` +
      `quarantine-max-size is ${formatByteSize(maxBytes)}`,
    {
      hint: "The event and all behind it are held back. Find out why so many are refused: " +
        `state quarantine list. To make room, ${before}run state quarantine replay --all, or ` +
        "drop; or start with a larger quarantine-max-size",
    },
  );
}
