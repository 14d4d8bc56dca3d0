import type { KnownEvent, KnownSession } from "./known_event.ts";
import type { ServerFault, ServerMode } from "./step.ts";

/** An auth server that can be troubled, and that knows what exists. */
export interface ChaosServer extends AsyncDisposable {
  /** Host and port. */
  readonly address: string;
  /** Path of the identity file. */
  readonly identity: string;
  readonly mode: ServerMode;
  /** Adds events that are so old, in milliseconds, when they enter the log. */
  append(count: number, ageMs: number): Promise<void>;
  /** Adds an upload; its recording appears after a while. */
  upload(events: number, missingMs: number): Promise<void>;
  /** Starts a fault; resolves when it has begun. */
  inject(fault: ServerFault): Promise<void>;
  /** Ends all faults. */
  heal(): Promise<void>;
  /** Every event, in the order of an ascending reader. */
  readEvents(): Promise<KnownEvent[]>;
  /** Every recording; asked for while no fault is there. */
  readSessions(): Promise<KnownSession[]>;
}
