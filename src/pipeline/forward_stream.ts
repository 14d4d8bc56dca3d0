import type { Clock } from "../core/clock.ts";
import type { EventFilter } from "../core/event_filter.ts";
import { Fault } from "../core/fault.ts";
import type { Position } from "../core/position.ts";
import type { Tracer } from "../core/tracer.ts";
import type { ByteBudget } from "./byte_budget.ts";
import { Committer } from "./committer.ts";
import { BatchesAhead } from "./batches_ahead.ts";
import { BatchDelivery, type MoreEvents, NothingToCompare } from "./deliver_batch.ts";
import type { Evidence } from "./evidence.ts";
import { PageQueue } from "./page_queue.ts";
import type { AuditEvent } from "../core/event.ts";
import type {
  EventStream,
  PipelineMeter,
  PipelineObserver,
  PositionStore,
  Quarantine,
  Sink,
  StreamEnd,
  StreamPosition,
} from "./ports.ts";
import { StreamTrace } from "./stream_trace.ts";
import { TakenBatches } from "./taken_batches.ts";

/** What forwarding one stream takes. */
export interface ForwardOptions {
  readonly stream: EventStream;
  /** Where to begin: the position that the store holds for the stream. */
  readonly position: Position;
  readonly filter: EventFilter;
  readonly sink: Sink;
  readonly store: PositionStore;
  readonly quarantine: Quarantine;
  /** What the receiver took of all streams that it takes alike. @default {of this one alone} */
  readonly evidence?: Evidence | undefined;
  /** Whether a refused event ends the stream before it. @default {false} */
  readonly haltOnRejected?: boolean | undefined;
  readonly observer: PipelineObserver;
  readonly meter?: PipelineMeter | undefined;
  readonly tracer?: Tracer | undefined;
  readonly clock: Clock;
  /** What events cause: streams to open in the same commit as the position that passes them. */
  readonly findOpened?: (events: readonly AuditEvent[]) => readonly StreamPosition[];
  /** Told of streams that were opened, once that is committed. */
  readonly onOpened?: (streams: readonly StreamPosition[]) => void;
  /** Whether the caller stores the end of the stream, in place of the last position. @default {false} */
  readonly leavesEnd?: boolean;
  /** Delivered requests, besides one, that may wait until their positions are stored. @default {0} */
  readonly maxWaiting?: number;
  /** Bytes of payload that may wait between the source and the receiver. */
  readonly maxBytes: number;
  /** What all streams of the run may hold. @default {no limit besides `maxBytes`} */
  readonly budget?: ByteBudget | undefined;
  /** Asks for a clean end: no more reading, the request under way may finish. */
  readonly stop: AbortSignal;
  /** Ends it at once; aborted after `stop` when that takes too long. */
  readonly abort: AbortSignal;
}

/**
 * Forwards one stream: reads pages, delivers them in order, and commits each position that everything
 * before was delivered, filtered out or quarantined up to.
 *
 * Three things go on at a time, of which the order of events sees nothing: the next pages are read,
 * one request is under way, and the positions before it are being committed. A crash therefore repeats
 * at most the events of two requests and of `maxWaiting` more, and loses none.
 *
 * Resolves when the stream has ended or `stop` was aborted; with `leavesEnd`, with its end when it came
 * to that, which is then to be stored. Throws the stream's `Fault` after
 * everything that was read before it has been delivered and committed.
 */
export async function forwardStream(options: ForwardOptions): Promise<StreamEnd | undefined> {
  const { stream, budget, clock, filter, maxBytes, meter, stop } = options;
  using queue = new PageQueue({ filter, maxBytes, budget });
  const trace = new StreamTrace(options.tracer, stream.id);
  const senderFailed = new AbortController();
  const signal = AbortSignal.any([stop, senderFailed.signal]);
  const { position } = options;
  const reading = readPages({ stream, position, queue, clock, meter, trace, signal });
  try {
    return await sendBatches(queue, trace, options);
  } catch (error) {
    if (!stop.aborted) throw error;
    return undefined;
  } finally {
    senderFailed.abort("over");
    queue.end();
    await reading;
    meter?.queued(stream.id, { events: 0, bytes: 0 });
  }
}

/** Moves pages from the stream to the queue until either ends. Never rejects: the queue is told. */
async function readPages(
  options: {
    stream: EventStream;
    position: Position;
    queue: PageQueue;
    clock: Clock;
    meter: PipelineMeter | undefined;
    trace: StreamTrace;
    signal: AbortSignal;
  },
): Promise<void> {
  const { stream, position, queue, clock, meter, trace, signal } = options;
  let askedAtMs = clock.nowMs();
  try {
    for await (const page of stream.read(position, signal)) {
      trace.page(page, askedAtMs);
      meter?.read(stream.id, page);
      const welcome = queue.push(page);
      meter?.queued(stream.id, queue.waiting);
      await welcome;
      if (signal.aborted) break;
      askedAtMs = clock.nowMs();
    }
    // Broken off, it has not come to its end.
    if (signal.aborted) queue.end(signal.reason);
    else queue.end();
  } catch (error) {
    if (!signal.aborted) trace.failedPage(error, askedAtMs);
    queue.end(error);
  }
}

async function sendBatches(
  queue: PageQueue,
  trace: StreamTrace,
  options: ForwardOptions,
): Promise<StreamEnd | undefined> {
  const { leavesEnd = false, meter, observer, onOpened, stop, stream } = options;
  const findOpened = options.findOpened ?? (() => []);
  using batches = new BatchesAhead(queue, options.sink);
  const delivery = new BatchDelivery({ ...options, sink: batches, streamId: stream.id });
  const committer = new Committer({
    ...options,
    streamId: stream.id,
    maxWaiting: options.maxWaiting ?? 0,
  });
  let caughtUp = false;
  let isLeftBehind = false;
  const leftOpen: StreamPosition[] = [];
  try {
    while (!stop.aborted) {
      const batch = await batches.take().catch((error) => {
        throw isLeftBehind ? patientFault(error) : error;
      });
      if (batch === undefined) break;
      meter?.queued(stream.id, queue.waiting);
      if (batch.filteredCount > 0) observer.filtered(stream.id, batch.filteredCount);
      const taken = new TakenBatches(batch, findOpened);
      const takeMore = (): MoreEvents => {
        const next = batches.takeNow();
        if (next !== undefined) {
          if (next.filteredCount > 0) observer.filtered(stream.id, next.filteredCount);
          return taken.add(next);
        }
        if (!queue.isDrained) return "waiting";
        return queue.isAtEnd ? "ended" : "broken off";
      };
      const span = trace.batch(batch.pages);
      try {
        const { events, backlog } = batch;
        await span.within(() => delivery.deliver(events, backlog, takeMore));
        if (leavesEnd && batches.isAtEnd) leftOpen.push(...taken.opened);
        else await span.within(() => committer.commit(taken.position, taken.opened));
      } catch (error) {
        span.fail(error instanceof Fault ? error.kind : "aborted");
        const isBrokenOff = error instanceof NothingToCompare;
        if (!isBrokenOff && !(error instanceof Fault && error.kind === "rejected")) throw error;
        // The next start begins with the event at fault, and repeats none of those before it.
        const before = taken.upTo(delivery.settledCount);
        if (before !== undefined) await committer.commit(before.position, before.opened);
        if (!isBrokenOff) throw error;
        // There is nothing left to take, but why reading was broken off.
        isLeftBehind = true;
        continue;
      } finally {
        span.set({ events: taken.eventCount });
        span.end();
      }
      const { backlog } = taken;
      if (!backlog) meter?.upToDate(stream.id);
      if (!backlog && !caughtUp) observer.caughtUp(stream.id);
      caughtUp = !backlog;
    }
  } finally {
    await committer.settled();
  }
  if (!leavesEnd || !batches.isAtEnd) return undefined;
  return {
    open: leftOpen,
    stored: () => {
      if (leftOpen.length > 0) onOpened?.(leftOpen);
    },
  };
}

/**
 * What ends a reading of which events are left to the next one. A stream that is given up for what is
 * wrong with it would take them along, though there is nothing wrong with them.
 */
function patientFault(error: unknown): unknown {
  if (!(error instanceof Fault) || error.kind !== "protocol" && error.kind !== "missing") {
    return error;
  }
  const { message, hint } = error;
  const text = `${message}; events before that wait for Fluentd to take others`;
  return new Fault("unavailable", text, { ...(hint === undefined ? {} : { hint }), cause: error });
}
