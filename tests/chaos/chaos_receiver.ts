import type { ReceiverFault } from "./step.ts";

/** An event that the receiver has taken. */
export interface Arrival {
  readonly path: string;
  readonly fields: Readonly<Record<string, unknown>>;
  /** The request that brought it, as an index of `requests`; undefined where the receiver cannot tell. */
  readonly request?: number;
}

/** A request, as the receiver saw it. Times are monotonic milliseconds. */
export interface ArrivedRequest {
  readonly path: string;
  readonly atMs: number;
  /** When all of the answer was given to the system; undefined when it was not. */
  readonly answeredAtMs?: number | undefined;
  /** When its connection was gone, if nothing else came over it. */
  readonly closedAtMs?: number | undefined;
  readonly status?: number | undefined;
  readonly events: readonly Readonly<Record<string, unknown>>[];
  readonly body?: Uint8Array | undefined;
}

/** What came, and what a sender may not do but did. */
export interface ReceiverJournal {
  readonly arrivals: readonly Arrival[];
  /** Undefined where the receiver cannot tell. */
  readonly requests: readonly ArrivedRequest[] | undefined;
  readonly violations: readonly string[];
}

/** A receiver that can be troubled, and that knows what came. */
export interface ChaosReceiver extends AsyncDisposable {
  /** Certificates for its clients. */
  readonly files: {
    readonly authority: string;
    readonly clientCertificate: string;
    readonly clientKey: string;
  };
  url(path: string): string;
  inject(fault: ReceiverFault): Promise<void>;
  /** Ends all faults. */
  heal(): Promise<void>;
  readJournal(): Promise<ReceiverJournal>;
}
