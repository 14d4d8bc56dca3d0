import type { Config } from "../config/config.ts";
import type { Clock } from "../core/clock.ts";
import type { EventFilter } from "../core/event_filter.ts";
import type { Position } from "../core/position.ts";
import type { ByteBudget } from "../pipeline/byte_budget.ts";
import type { Tracer } from "../core/tracer.ts";
import { Evidence } from "../pipeline/evidence.ts";
import { type ForwardOptions, forwardStream } from "../pipeline/forward_stream.ts";
import type {
  EventStream,
  PipelineMeter,
  PipelineObserver,
  PositionStore,
  Quarantine,
  Sink,
  StreamEnd,
} from "../pipeline/ports.ts";
import type { RunStatus } from "../diagnostics/run_status.ts";
import type { AuthConnection } from "../teleport/auth_connection.ts";
import { usesStateServer } from "./state_server.ts";

/** Everything that the streams of one run share. */
export interface Forwarding {
  /** Asks for an end in good order. */
  readonly stop: AbortSignal;
  /** Cuts off what is under way. */
  readonly abort: AbortSignal;
  readonly config: Config;
  readonly clock: Clock;
  readonly connection: AuthConnection;
  readonly store: PositionStore;
  readonly quarantine: Quarantine;
  readonly observer: PipelineObserver;
  readonly meter: PipelineMeter;
  /** What is known of the run; it is told how the log is read and what is left to do. */
  readonly status: RunStatus;
  /** Records spans; undefined where nobody has asked for them. */
  readonly tracer: Tracer | undefined;
  /** What all streams together may hold. */
  readonly budget: ByteBudget;
  /** Where events for a URL of the receiver go. */
  readonly sinkFor: (url: string) => Sink;
}

/** What one stream adds to that. */
export interface StreamForwarding
  extends Pick<ForwardOptions, "evidence" | "findOpened" | "onOpened" | "maxBytes"> {
  readonly stream: EventStream;
  readonly filter: EventFilter;
  readonly url: string;
  readonly stop: AbortSignal;
}

/**
 * Requests besides two that a crash may repeat where positions are on a server: with a server that takes
 * 100 ms for each, 20 requests a second are made nevertheless.
 */
const MAX_WAITING = 3;
/** Ends of streams in a row, with nothing accepted, at which events are set aside in a run that ends. */
const MAX_LAST_ENDS = 20;

/** What the receiver takes of streams that it takes alike. */
export function createEvidence({ exitOnLastEvent }: Pick<Config, "exitOnLastEvent">): Evidence {
  return new Evidence(exitOnLastEvent ? { maxEnds: MAX_LAST_ENDS } : {});
}

/** Puts the two together as the pipeline takes them. */
export function toForwardOptions(
  forwarding: Forwarding,
  stream: StreamForwarding,
): Omit<ForwardOptions, "position"> {
  const { abort, budget, clock, config, meter, observer, quarantine, sinkFor, store, tracer } =
    forwarding;
  const haltOnRejected = config.onRejected === "halt";
  const sink = sinkFor(stream.url);
  return {
    ...stream,
    maxWaiting: usesStateServer(config) ? MAX_WAITING : 0,
    abort,
    budget,
    clock,
    haltOnRejected,
    meter,
    observer,
    quarantine,
    store,
    sink,
    tracer,
  };
}

/** Forwards one stream from a position to its end, which the caller is to store. @throws {Fault} */
export function forward(
  forwarding: Forwarding,
  stream: StreamForwarding,
  position: Position,
): Promise<StreamEnd | undefined> {
  return forwardStream({
    ...toForwardOptions(forwarding, stream),
    position,
    leavesEnd: true,
  });
}
