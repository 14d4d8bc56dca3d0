/** What may happen in a chaos run, one thing at a time. */

/** A fault of the receiver. Those of `fake` alone need a receiver that can be told what to answer. */
export type ReceiverFault =
  | { readonly kind: "drop-connections" }
  | { readonly kind: "away"; readonly forMs: number }
  /** The process stands still; its connections stay open. Real Fluentd alone. */
  | { readonly kind: "pause"; readonly forMs: number }
  | {
    readonly kind: "reset";
    readonly at: "before-reading" | "before-answering" | "within-head" | "within-answer";
    readonly times: number;
  }
  | {
    readonly kind: "hang";
    readonly at: "before-taking" | "before-answering";
    readonly times: number;
  }
  | {
    readonly kind: "slow";
    readonly readMs: number;
    readonly answerMs: number;
    readonly times: number;
  }
  | {
    readonly kind: "status";
    readonly status: number;
    readonly retryAfter?: number;
    readonly times: number;
  }
  /** Some events of each request are taken, and the answer is 500. */
  | { readonly kind: "partial"; readonly take: number; readonly times: number }
  /** 200, and the connection is closed by its words. */
  | { readonly kind: "close"; readonly times: number }
  /** Bodies over the limit are answered with 413. */
  | { readonly kind: "too-large"; readonly maxBytes: number; readonly forMs: number }
  /** A sixteenth of all events is refused, chosen by the first digit of the id. */
  | {
    readonly kind: "poison";
    readonly digit: string;
    readonly status: number;
    readonly forMs: number;
  };

/** A fault of the auth server. */
export type ServerFault =
  | { readonly kind: "drop-connections" }
  | { readonly kind: "away"; readonly forMs: number }
  | { readonly kind: "go-away" }
  | { readonly kind: "restart" }
  | { readonly kind: "hang"; readonly times: number; readonly method: string }
  | {
    readonly kind: "slow";
    readonly delayMs: number;
    readonly times: number;
    readonly method: string;
  }
  | {
    readonly kind: "status";
    readonly code: string;
    readonly afterMessages: number;
    readonly times: number;
    readonly method: string;
  }
  | {
    readonly kind: "reset-stream";
    readonly code: number;
    readonly afterMessages: number;
    readonly times: number;
    readonly method: string;
  }
  /** authpeer alone: half a message, and the end of the stream. */
  | { readonly kind: "truncate"; readonly afterMessages: number; readonly method: string }
  /** authpeer alone: the process stands still, its connections stay open. */
  | { readonly kind: "pause"; readonly forMs: number }
  /** authpeer alone: new connections get no answer. */
  | { readonly kind: "stall"; readonly forMs: number }
  /** authpeer alone: new credentials, of a new authority or of the old one. */
  | {
    readonly kind: "rotate";
    readonly ca: boolean;
    readonly drop: boolean;
    /** The credentials in use expire soon, and good ones come after that. */
    readonly expires: boolean;
  }
  /** authpeer alone: bulk export is gained or lost. */
  | { readonly kind: "mode"; readonly mode: ServerMode };

/** Whether the server has bulk export. */
export type ServerMode = "legacy" | "bulk";

/**
 * The disk of the state is full, or read-only from a restart on; or its folder becomes read-only while
 * the program runs, which can write on into what it has open and open nothing new for writing. No more
 * than that can be made: a file system refuses to become read-only while somebody may write to a file.
 */
export type DiskFault = "full" | "read-only" | "read-only-folder";

/** One step of a schedule. */
export type Step =
  & { readonly waitMs: number }
  & (
    | {
      readonly do: "append";
      readonly count: number;
      /** The events are so old when they enter the log, in milliseconds. */
      readonly ageMs: number;
    }
    | { readonly do: "upload"; readonly events: number; readonly missingMs: number }
    | { readonly do: "kill"; readonly downMs: number }
    | { readonly do: "terminate"; readonly downMs: number }
    | { readonly do: "receiver"; readonly fault: ReceiverFault }
    | { readonly do: "server"; readonly fault: ServerFault }
    | { readonly do: "disk"; readonly fault: DiskFault; readonly forMs: number }
    | { readonly do: "clock"; readonly offsetMinutes: number; readonly forMs: number }
    /** All faults of the peers end, those too that nobody has met yet; then there is quiet. */
    | { readonly do: "rest"; readonly quietMs: number }
  );

/** A step in a few words. */
export function formatStep(step: Step): string {
  const { waitMs, do: what, ...rest } = step;
  const facts = "fault" in rest && typeof rest.fault === "object" ? rest.fault : rest;
  const text = Object.entries(facts).map(([key, value]) => `${key}=${value}`).join(" ");
  return `+${waitMs} ms ${what} ${text}`;
}

/** The kind of a step, for counting. */
export function kindOf(step: Step): string {
  if (step.do === "receiver" || step.do === "server") return `${step.do}.${step.fault.kind}`;
  return step.do === "disk" ? `disk.${step.fault}` : step.do;
}
