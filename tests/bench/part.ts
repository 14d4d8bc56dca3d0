/** As many events as the program puts into a request. */
export const REQUEST_EVENTS = 1000;

/** What is read: the log by pages, its chunks, or recordings. */
export type Mode = "paged" | "bulk" | "sessions";

/** Which part of the program's work `parts_child.ts` does. */
export interface Part {
  readonly part: "receiveOnly" | "transcode" | "post";
  readonly mode: Mode;
  /** Events in a page; adaptive when absent. */
  readonly pageSize?: number | undefined;
  readonly address: string;
  readonly identity: string;
  readonly startMs: number;
  /** Ids of the recordings, for the mode of that name. */
  readonly sessionIds?: readonly string[];
  readonly receiver?: {
    readonly url: string;
    readonly authority: string;
    readonly certificate: string;
    readonly key: string;
  };
}

/** What it took. */
export interface PartResult {
  readonly events: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
}
