/** A session scheduler with a scripted forwarding, for the tests beside this file. */
import { Fault, type FaultKind } from "../../src/core/fault.ts";
import type { Position } from "../../src/core/position.ts";
import { encodeSessionPosition } from "../../src/core/session_position.ts";
import type { ParkedStream, PositionStore } from "../../src/pipeline/ports.ts";
import { SessionScheduler } from "../../src/pipeline/session_scheduler.ts";
import { MemoryPositionStore } from "../../src/state/memory_position_store.ts";
import { within } from "../support/bell.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { END, RecordingObserver } from "../support/pipeline_ports.ts";

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;

/** Remembers what becomes of sessions. */
class SessionObserver extends RecordingObserver {
  readonly parks: ParkedStream[] = [];
  readonly finishedIds: string[] = [];
  readonly abandonments: { streamId: string; reason: string }[] = [];

  override parked(parked?: ParkedStream): void {
    this.parks.push(parked!);
  }
  override finished(streamId?: string): void {
    this.finishedIds.push(streamId!);
  }
  override abandoned(streamId?: string, reason?: string): void {
    this.abandonments.push({ streamId: streamId!, reason: reason! });
  }
}

/** Comes to the end of a recording unless it was stopped. */
export type Forward = (
  sessionId: string,
  position: Position,
  stop: AbortSignal,
) => Promise<void>;

/** A scheduler over a store in memory; another one over the same store is a restart. */
export function makeScheduler(
  forward: Forward,
  options: { store?: PositionStore; clock?: FakeClock; concurrency?: number } = {},
) {
  const store = options.store ?? new MemoryPositionStore();
  const clock = options.clock ?? new FakeClock();
  const observer = new SessionObserver();
  const stop = new AbortController();
  const scheduler = new SessionScheduler({
    concurrency: options.concurrency ?? 2,
    clock,
    store,
    observer,
    stop: stop.signal,
    forward: async (id, position, stop) => {
      await forward(id, position, stop);
      return stop.aborted ? undefined : END;
    },
  });
  /** Commits sessions as the log does and tells the scheduler. */
  const open = async (...ids: readonly string[]) => {
    const streams = ids.map((id) => ({
      streamId: `session/${id}`,
      position: encodeSessionPosition({
        index: 0,
        uploadMs: clock.nowMs(),
        attempts: 0,
        dueMs: 0,
      }),
    }));
    await store.commit({ streamId: "log", position: {}, open: streams });
    scheduler.open(streams);
  };
  return { scheduler, store, clock, observer, stop, open };
}

/** A forwarding that always fails. */
export function failWith(kind: FaultKind): Forward {
  return () => Promise.reject(new Fault(kind, `Recording is ${kind}`));
}

export function ended<T>(running: Promise<T>): Promise<T> {
  return within(running, { what: () => "the scheduler's end" });
}

export async function idsOf(store: PositionStore, prefix: string): Promise<string[]> {
  return (await Array.fromAsync(store.list(prefix))).map(({ streamId }) => streamId);
}

/** Moves the clock to the end of each pause, so many times. */
export async function pass(clock: FakeClock, pauses: number): Promise<void> {
  for (let i = 0; i < pauses; i++) {
    await clock.waitForSleepers();
    await clock.advance(clock.nextWakeMs!);
  }
}
