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
   * Takes out the entries that are meant, oldest first; where `send` is given, those for which it
   * resolves with true, and it is not called before it is known that they can be taken out. Whenever the
   * process ends, each entry is still there or was taken out. When `send` throws, what was sent before
   * is taken out all the same.
   */
  takeOut(
    isMeant: (entry: QuarantineEntry) => boolean,
    send?: (entry: QuarantineEntry) => Promise<boolean> | boolean,
  ): Promise<void>;
}

/** Says what follows when so many events were sent and could not be taken out. */
export function describeRepeat(count: number): string {
  return count === 1
    ? "1 event was sent and is still there: unless it is dropped, replay sends it again"
    : `${count} events were sent and are still there: unless they are dropped, replay sends them again`;
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
