/** The ports of the pipeline as tests need them: scripted where a peer decides, recording elsewhere. */
import type { Delivery } from "../../src/core/delivery.ts";
import { type AuditEvent, inOwnMemory, jsonOf } from "../../src/core/event.ts";
import { Fault } from "../../src/core/fault.ts";
import type { Position } from "../../src/core/position.ts";
import type {
  BatchLimits,
  Commit,
  EventStream,
  HeldRequest,
  Page,
  PipelineObserver,
  PositionStore,
  Quarantine,
  RejectedEvent,
  Retry,
  Sink,
  StreamEnd,
  StreamPosition,
} from "../../src/pipeline/ports.ts";

/** An event whose payload is `json`, or its id and, where wanted, some padding. */
export function makeEvent(
  id: string,
  options: { type?: string; bytes?: number; json?: string | Uint8Array } = {},
): AuditEvent {
  const {
    bytes = 0,
    json = JSON.stringify({ id, pad: "x".repeat(bytes) }),
    type = "test",
  } = options;
  const payload = typeof json === "string" ? new TextEncoder().encode(json) : json;
  return { id, type, timeMs: 1_767_225_600_000, ...inOwnMemory(payload) };
}

/** Events `e0`, `e1`, … */
export function makeEvents(count: number, first = 0): AuditEvent[] {
  return Array.from({ length: count }, (_, i) => makeEvent(`e${first + i}`));
}

/** A page whose positions count events: `{ at: n }` resumes after n of them. */
export function makePage(events: readonly AuditEvent[], first: number, backlog = true): Page {
  return {
    events,
    backlog,
    position: { at: first + events.length },
    positionAfter: (index) => ({ at: first + index + 1 }),
  };
}

/** A stream of a fixed number of events that resumes anywhere and can fail at a place, once each. */
export class CountingStream implements EventStream {
  readonly id = "test";
  readonly #options: { count: number; pageSize: number; failAt: { at: number; fault: Fault }[] };
  /** Positions that were read from. */
  readonly starts: number[] = [];

  constructor(
    options: { count: number; pageSize: number; failAt?: { at: number; fault: Fault }[] },
  ) {
    this.#options = { failAt: [], ...options };
  }

  async *read(position: Position, signal: AbortSignal): AsyncGenerator<Page> {
    const { count, pageSize, failAt } = this.#options;
    let at = Number(position["at"]);
    this.starts.push(at);
    while (at < count) {
      await Promise.resolve();
      signal.throwIfAborted();
      const failure = failAt.findIndex((failure) => failure.at <= at);
      if (failure !== -1) throw failAt.splice(failure, 1)[0]!.fault;
      const events = makeEvents(Math.min(pageSize, count - at), at);
      const page = makePage(events, at, at + events.length < count);
      yield { ...page, release: () => events.forEach((event) => jsonOf(event).fill(0)) };
      at += events.length;
    }
  }
}

/** Fails when the memory of an event was given back before its time. */
function requirePayloads(events: readonly AuditEvent[]): void {
  const empty = events.find((event) => event.defect === undefined && jsonOf(event)[0] !== 0x7b);
  if (empty !== undefined) throw new Error(`Event '${empty.id}' has lost its payload`);
}

/** What a receiver of a test does with a request. */
export type Answer = (events: readonly AuditEvent[]) => Delivery | Promise<Delivery>;

/** A receiver that answers as a function says and remembers what it took. */
export class ScriptedSink implements Sink {
  readonly limits: BatchLimits;
  /** Ids in the order in which they were accepted. */
  readonly accepted: string[] = [];
  /** Sizes of all requests. */
  readonly requests: number[] = [];
  /** Requests under way, and the most that there ever were. */
  inFlight = 0;
  mostInFlight = 0;
  #answer: Answer;

  constructor(answer: Answer = () => ({ kind: "delivered" }), limits: Partial<BatchLimits> = {}) {
    this.#answer = answer;
    this.limits = { maxEvents: 500, maxBytes: 4 * 1024 * 1024, ...limits };
  }

  async send(events: readonly AuditEvent[], signal: AbortSignal): Promise<Delivery> {
    signal.throwIfAborted();
    requirePayloads(events);
    this.requests.push(events.length);
    this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight);
    try {
      const delivery = await this.#answer(events);
      if (delivery.kind === "delivered") this.accepted.push(...events.map((event) => event.id));
      return delivery;
    } finally {
      this.inFlight--;
    }
  }
}

/** A scripted receiver whose requests can be held, and that remembers what became of that. */
export class HoldingSink extends ScriptedSink {
  /** First ids of what was held, of what of that was sent, and of what was dropped. */
  readonly held: string[] = [];
  readonly sent: string[] = [];
  readonly dropped: string[] = [];

  override async send(
    events: readonly AuditEvent[],
    signal: AbortSignal,
    held?: HeldRequest,
  ): Promise<Delivery> {
    if (held !== undefined) this.sent.push(events[0]!.id);
    return await super.send(events, signal);
  }

  hold(events: readonly AuditEvent[]): HeldRequest {
    const { id } = events[0]!;
    this.held.push(id);
    return { drop: () => this.dropped.push(id) };
  }
}

/** Quarantine that keeps what it gets and fails as often as it is told to. */
export class MemoryQuarantine implements Quarantine {
  readonly rejected: RejectedEvent[] = [];
  failures = 0;

  put(rejected: RejectedEvent): Promise<void> {
    if (this.failures-- > 0) return Promise.reject(new Fault("state", "Disk is full"));
    requirePayloads([rejected.event]);
    this.rejected.push(rejected);
    return Promise.resolve();
  }

  get ids(): string[] {
    return this.rejected.map((rejected) => rejected.event.id);
  }
}

/** Store that remembers every commit and fails as often as it is told to. */
export class RecordingStore implements PositionStore {
  readonly commits: Commit[] = [];
  failures = 0;
  /** Called before each commit. */
  onCommit: (commit: Commit) => void = () => {};

  read(streamId: string): Promise<Position | undefined> {
    return Promise.resolve(
      this.commits.findLast((commit) => commit.streamId === streamId)?.position,
    );
  }

  commit(commit: Commit): Promise<void> {
    this.onCommit(commit);
    if (this.failures-- > 0) return Promise.reject(new Fault("state", "Disk is full"));
    this.commits.push(commit);
    return Promise.resolve();
  }

  async *list(prefix: string): AsyncGenerator<StreamPosition> {
    await Promise.resolve();
    const ids = new Set(this.commits.map((commit) => commit.streamId));
    for (const streamId of ids) {
      if (streamId.startsWith(prefix)) yield { streamId, position: (await this.read(streamId))! };
    }
  }

  forget(): Promise<void> {
    return Promise.resolve();
  }

  /** The last position, as `makePage` counts. */
  get at(): number | undefined {
    return this.commits.at(-1)?.position["at"] as number | undefined;
  }
}

/** The end of a stream that opens nothing. */
export const END: StreamEnd = { open: [], stored() {} };

/** Remembers what it was told. */
export class RecordingObserver implements PipelineObserver {
  readonly deliveredIds: string[] = [];
  readonly rejectedIds: string[] = [];
  readonly retries: Retry[] = [];
  readonly recoveries: { peer: Retry["peer"]; attempts: number }[] = [];
  readonly stalls: { streamId: string; reason: string }[] = [];
  filteredCount = 0;
  caughtUpCount = 0;

  delivered(_streamId: string, events: readonly AuditEvent[]): void {
    this.deliveredIds.push(...events.map((event) => event.id));
  }
  filtered(_streamId: string, count: number): void {
    this.filteredCount += count;
  }
  rejected({ event }: RejectedEvent): void {
    this.rejectedIds.push(event.id);
  }
  retrying(retry: Retry): void {
    this.retries.push(retry);
  }
  stalled(streamId: string, reason: string): void {
    this.stalls.push({ streamId, reason });
  }
  recovered(_streamId: string, peer: Retry["peer"], attempts: number): void {
    this.recoveries.push({ peer, attempts });
  }
  caughtUp(): void {
    this.caughtUpCount++;
  }
  finished(): void {}
  parked(): void {}
  abandoned(): void {}
}
