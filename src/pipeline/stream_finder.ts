import type { Clock } from "../core/clock.ts";
import type { Position } from "../core/position.ts";
import type { FoundStreams, PipelineObserver, StreamSharing } from "./ports.ts";
import type { StreamPool } from "./stream_pool.ts";
import { waitForStore } from "./wait_for_store.ts";

/** Where streams are looked for, and who runs them. */
export interface StreamFinderOptions {
  /** Beginning of their ids. */
  readonly prefix: string;
  readonly sharing: StreamSharing;
  readonly pool: Pick<StreamPool, "add" | "counts" | "has">;
  /** Whether none waits for ever behind those that come. @default {false} */
  readonly inTurn?: boolean;
  /** Most streams that the pool runs at once. */
  readonly concurrency: number;
  /** Pause between two looks when there is nothing to do, in milliseconds. */
  readonly pollMs: number;
  readonly clock: Clock;
  readonly observer: PipelineObserver;
  /** How long a stream that was set aside has to wait still, in milliseconds. */
  readonly delayOf: (position: Position) => number;
  readonly stop: AbortSignal;
}

/** Pause between two looks while streams wait somewhere. */
const BUSY_MS = 250;
/** A look is for so many streams at the least: it costs the same for one. */
const FEWEST = 8;
/** Never more often than that, whatever there is to do. */
const SHORTEST_MS = 50;

/**
 * Looks in a store that replicas share for streams that wait, and gives this replica's part to a pool:
 * never more than the pool is soon through with, so that the rest can go to others.
 */
export class StreamFinder {
  readonly #options: StreamFinderOptions;
  /** Ends the wait for what may end a pause. */
  #goOn: (() => void) | undefined;
  #isWoken = false;
  /** There was more than the pool had room for. */
  #isFull = false;

  constructor(options: StreamFinderOptions) {
    this.#options = options;
  }

  /** Looks soon: a stream was opened. */
  wake(): void {
    this.#isWoken = true;
    this.#goOn?.();
  }

  /** Looks soon when the last look has left streams behind: a place is free. */
  noteRoom(): void {
    if (this.#isFull && !this.#hasEnough) this.#isWoken = true;
    this.#goOn?.();
  }

  /** Runs until stopped, or until `isEnding` and nothing is left for this replica. */
  async run(isEnding: () => boolean): Promise<void> {
    const { clock, concurrency, pollMs, pool, stop } = this.#options;
    while (!stop.aborted) {
      this.#isWoken = false;
      const room = Math.max(2 * concurrency, FEWEST) - pool.counts.ready;
      const isAsked = isEnding();
      const found = await this.#look(room);
      if (found === undefined) return;
      this.#isFull = found.streams.length >= room;
      const { ready, running } = pool.counts;
      const isIdle = found.streams.length + found.left + ready + running === 0;
      if (isIdle && isAsked) return;
      await clock.sleep(SHORTEST_MS, stop).catch(() => {});
      const isBusy = this.#isFull || found.left > 0 || isEnding();
      await this.#pause(isBusy ? BUSY_MS : pollMs);
    }
  }

  /** Enough wait here for a while; a look would bring few more. */
  get #hasEnough(): boolean {
    const { concurrency, pool } = this.#options;
    return pool.counts.ready >= Math.max(concurrency, FEWEST / 2);
  }

  async #look(room: number): Promise<FoundStreams | undefined> {
    const { clock, delayOf, inTurn, observer, pool, prefix, sharing, stop } = this.#options;
    if (room <= 0) return { streams: [], left: 0 };
    const isKnown = (streamId: string) => pool.has(streamId);
    const search = { prefix, limit: room, inTurn, isKnown, delayOf };
    const found = await waitForStore(() => sharing.find(search), {
      streamId: prefix.slice(0, -1),
      clock,
      observer,
      stop,
    });
    for (const { position, streamId } of found?.streams ?? []) {
      pool.add(streamId, delayOf(position));
    }
    return found;
  }

  /** Waits for so long or until woken, and for as long as enough waits here. */
  async #pause(ms: number): Promise<void> {
    const { clock, stop } = this.#options;
    const ended = new AbortController();
    const signal = AbortSignal.any([stop, ended.signal]);
    let isOver = false;
    const goOn = () => this.#goOn?.();
    stop.addEventListener("abort", goOn);
    clock.sleep(ms, signal).catch(() => {}).then(() => {
      isOver = true;
      goOn();
    });
    while (!stop.aborted && (this.#hasEnough || !this.#isWoken && !isOver)) {
      await new Promise<void>((resolve) => this.#goOn = resolve);
    }
    stop.removeEventListener("abort", goOn);
    ended.abort("over");
  }
}
