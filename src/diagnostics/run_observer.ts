import type { AuditEvent } from "../core/event.ts";
import type { PipelineMeter, PipelineObserver } from "../pipeline/ports.ts";
import type { RequestResult, StreamClass } from "./run_snapshot.ts";

/** A request that has come to its end. */
export interface EndedRequest {
  readonly stream: StreamClass;
  readonly events: number;
  /** Bytes of payload. */
  readonly bytes: number;
  readonly durationMs: number;
  readonly result: RequestResult;
}

/** Told of everything that a run does. Must not throw. */
export interface RunObserver extends PipelineObserver, PipelineMeter {
  /** A request with so many events is on its way. */
  sending(events: number): void;
  /** It has come to its end. */
  sent(request: EndedRequest): void;
  /** It was stored how far a stream got. */
  committed(): void;
  /** The store did not take it. */
  commitFailed(reason: string): void;
}

/** Hears what cannot be told from totals: how they are spread. */
export interface RunMeasures {
  /** A request has come to its end. */
  sent(request: EndedRequest): void;
  /** Events of the audit log were accepted at `serverNowMs` on the server's clock. */
  accepted(events: readonly AuditEvent[], serverNowMs: number): void;
}
