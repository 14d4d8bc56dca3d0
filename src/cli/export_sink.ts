import type { Delivery } from "../core/delivery.ts";
import type { AuditEvent } from "../core/event.ts";
import { Fault, formatError } from "../core/fault.ts";
import type { BatchLimits, Quarantine, RejectedEvent, Sink } from "../pipeline/ports.ts";
import type { ExportFormat } from "./export_format.ts";

/** Where the bytes go. */
export interface ExportTarget {
  write(bytes: Uint8Array): Promise<void>;
}

/** Standard output. */
export const STANDARD_OUTPUT: ExportTarget = {
  async write(bytes) {
    for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at));
  },
};

const LIMITS: BatchLimits = { maxEvents: 500, maxBytes: 1024 * 1024 };

/** Writes events to a file or a pipe. What cannot be written ends the run: nobody else takes them. */
export class ExportSink implements Sink, Quarantine {
  readonly limits = LIMITS;
  readonly #format: ExportFormat;
  readonly #target: ExportTarget;
  readonly #onEnd: () => void;
  #writtenCount = 0;
  #leftOutCount = 0;
  #isReaderGone = false;
  #failure: Fault | undefined;

  /** `onEnd` is to end the run. */
  constructor(options: { format: ExportFormat; target: ExportTarget; onEnd: () => void }) {
    this.#format = options.format;
    this.#target = options.target;
    this.#onEnd = options.onEnd;
  }

  /** Events that were written. */
  get writtenCount(): number {
    return this.#writtenCount;
  }

  /** Events that have no JSON. */
  get leftOutCount(): number {
    return this.#leftOutCount;
  }

  /** Whether whoever read the output has gone, as `head` does. */
  get isReaderGone(): boolean {
    return this.#isReaderGone;
  }

  /** What kept events from being written. */
  get failure(): Fault | undefined {
    return this.#failure;
  }

  /** Writes what stands above all events. */
  async begin(): Promise<void> {
    if (this.#format.head !== "") await this.#write(new TextEncoder().encode(this.#format.head));
  }

  async send(events: readonly AuditEvent[], signal: AbortSignal): Promise<Delivery> {
    await this.#write(this.#format.write(events));
    signal.throwIfAborted();
    this.#writtenCount += events.length;
    return { kind: "delivered" };
  }

  /** Takes what cannot be written as JSON, and keeps only its number. */
  put(_rejected: RejectedEvent): Promise<void> {
    this.#leftOutCount++;
    return Promise.resolve();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      await this.#target.write(bytes);
    } catch (error) {
      if (error instanceof Deno.errors.BrokenPipe) this.#isReaderGone = true;
      else {
        this.#failure = error instanceof Fault
          ? error
          : new Fault("state", `Cannot write to standard output: ${formatError(error)}`);
      }
      this.#onEnd();
    }
  }
}
