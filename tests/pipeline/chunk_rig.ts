/** A chunk scheduler with a scripted server, for the tests beside this file. */
import assert from "node:assert/strict";
import { ChunkScheduler, type ChunkSchedulerOptions } from "../../src/pipeline/chunk_scheduler.ts";
import type { ChunkStart } from "../../src/pipeline/chunk_runner.ts";
import type { ParkedStream, PositionStore } from "../../src/pipeline/ports.ts";
import { MemoryPositionStore } from "../../src/state/memory_position_store.ts";
import { within } from "../support/bell.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { END, RecordingObserver } from "../support/pipeline_ports.ts";

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
/** Noon of the day that the tests begin on. */
export const NOON_MS = Date.UTC(2026, 0, 10, 12);
export const TODAY = "2026-01-10";

class ChunkObserver extends RecordingObserver {
  readonly parks: ParkedStream[] = [];
  readonly abandonedIds: string[] = [];

  override parked(parked?: ParkedStream): void {
    this.parks.push(parked!);
  }
  override abandoned(streamId?: string): void {
    this.abandonedIds.push(streamId!);
  }
}

/** A server's chunks by date, as a test changes them. */
export type Chunks = { [date: string]: string[] };

interface RigOptions
  extends Partial<Omit<ChunkSchedulerOptions, "stop" | "clock" | "observer" | "forward">> {
  /** Comes to the end of a chunk unless it was stopped. */
  readonly forward?: (start: ChunkStart, stop: AbortSignal) => Promise<void>;
  readonly chunks?: Chunks;
  readonly clock?: FakeClock;
}

/** A scheduler with what it was told and what it did; another one over the same store is a restart. */
export function makeRig(options: RigOptions = {}) {
  const { chunks = {}, forward, ...overrides } = options;
  const clock = options.clock ?? new FakeClock(NOON_MS);
  const store: PositionStore = options.store ?? new MemoryPositionStore();
  const observer = new ChunkObserver();
  const stop = new AbortController();
  const forwarded: string[] = [];
  const listed: string[] = [];
  const progress: { date: string; idleAtMs: number | undefined }[] = [];
  const scheduler = new ChunkScheduler({
    concurrency: 2,
    pollMs: 16_000,
    stallMs: 300_000,
    endWhenCaughtUp: true,
    list: (date) => {
      listed.push(date);
      return Promise.resolve(chunks[date] ?? []);
    },
    forward: async (start, stop) => {
      if (forward === undefined) forwarded.push(`${start.date}/${start.chunk}`);
      else await forward(start, stop);
      return stop.aborted ? undefined : END;
    },
    onProgress: (told) => Promise.resolve(void progress.push(told)),
    random: () => 0.5,
    store,
    ...overrides,
    clock,
    observer,
    stop: stop.signal,
  });
  /** Begins to run, up to the first pause. */
  const start = async (firstDate: string) => {
    const running = scheduler.run(firstDate);
    running.catch(() => {});
    await clock.waitForSleepers();
    return { ended: () => ended(running) };
  };
  /** Runs to its end, from pause to pause. */
  const run = async (firstDate: string) => {
    const running = scheduler.run(firstDate);
    await drive(clock, running);
    await running;
  };
  return {
    scheduler,
    chunks,
    clock,
    store,
    observer,
    stop,
    forwarded,
    listed,
    progress,
    start,
    run,
  };
}

/** Moves the clock from sleep to sleep until a promise settles, or until nobody sleeps any more. */
export async function drive(clock: FakeClock, running: Promise<unknown>): Promise<void> {
  let isDone = false;
  running.then(() => isDone = true, () => isDone = true);
  let steps = 0;
  for (let idle = 0; !isDone && idle < 20; idle = clock.sleeping > 0 ? 0 : idle + 1) {
    await clock.advance(clock.nextWakeMs ?? 0);
    assert.ok(++steps < 5000, "The scheduler comes to no end");
  }
  assert.ok(isDone, "Nobody sleeps, and the scheduler does not end");
}

/** Moves the clock until something holds. */
export async function advanceUntil(clock: FakeClock, holds: () => boolean): Promise<void> {
  for (let steps = 0; !holds(); steps++) {
    assert.ok(steps < 5000, "It never comes to hold");
    await clock.advance(clock.nextWakeMs ?? 0);
  }
}

export function ended<T>(running: Promise<T>): Promise<T> {
  return within(running, { what: () => "the scheduler's end", timeoutMs: 5000 });
}

export async function idsOf(store: PositionStore, prefix = ""): Promise<string[]> {
  return (await Array.fromAsync(store.list(prefix))).map(({ streamId }) => streamId);
}

/** Dates from the first one to the last one. */
export function datesOf(first: string, last: string): string[] {
  const dates: string[] = [];
  for (let ms = Date.parse(first); ms <= Date.parse(last); ms += DAY_MS) {
    dates.push(new Date(ms).toISOString().slice(0, 10));
  }
  return dates;
}
