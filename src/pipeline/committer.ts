import type { Clock } from "../core/clock.ts";
import type { Position } from "../core/position.ts";
import type { PipelineObserver, PositionStore, StreamPosition } from "./ports.ts";
import { waitForStore } from "./wait_for_store.ts";

/** Whose positions are committed, and how. */
export interface CommitterOptions {
  readonly streamId: string;
  /** The position that the store holds. */
  readonly position: Position;
  readonly store: PositionStore;
  /** Told of streams that were opened, once that is committed. */
  readonly onOpened?: ((streams: readonly StreamPosition[]) => void) | undefined;
  /** Delivered requests, besides one, that may wait until their positions are stored. */
  readonly maxWaiting: number;
  readonly observer: PipelineObserver;
  readonly clock: Clock;
  readonly stop: AbortSignal;
}

/** What goes into the next commit. */
interface Step {
  readonly position: Position;
  readonly open: readonly StreamPosition[];
  /** Requests that it stands for. */
  readonly requests: number;
}

/**
 * Commits positions one after the other, while the next requests are under way. Those that come while
 * one is being stored become one commit, of the newest, so that a store that is far away holds up
 * little. With the request under way, at most `maxWaiting` and two are sent and not committed: so many
 * are repeated by a crash.
 */
export class Committer {
  readonly #options: CommitterOptions;
  #newest: string;
  #next: Step | undefined;
  /** Requests of the commit that is being stored. */
  #storing = 0;
  #running: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(options: CommitterOptions) {
    this.#options = options;
    this.#newest = JSON.stringify(options.position);
  }

  /** Resolves when it is about to be committed. @throws what an earlier commit failed by. */
  async commit(position: Position, open: readonly StreamPosition[]): Promise<void> {
    while (this.#running !== undefined && this.#isFull) await this.#running;
    if (this.#failure !== undefined) throw this.#failure.error;
    const text = JSON.stringify(position);
    if (text === this.#newest && open.length === 0) return;
    this.#newest = text;
    const { open: earlier = [], requests = 0 } = this.#next ?? {};
    this.#next = { position, open: [...earlier, ...open], requests: requests + 1 };
    this.#running ??= this.#run();
  }

  /** Resolves when nothing is being committed. @throws what the last commit failed by. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  get #isFull(): boolean {
    return this.#storing + (this.#next?.requests ?? 0) > this.#options.maxWaiting;
  }

  /** Makes one commit, and begins the next one where there is any. Never rejects. */
  async #run(): Promise<void> {
    const step = this.#next!;
    this.#next = undefined;
    this.#storing = step.requests;
    try {
      await this.#commitUntilDone(step);
    } catch (error) {
      this.#failure = { error };
      this.#next = undefined;
    }
    this.#storing = 0;
    this.#running = this.#next === undefined ? undefined : this.#run();
  }

  async #commitUntilDone({ open, position }: Step): Promise<void> {
    const { onOpened, store, streamId } = this.#options;
    const commit = open.length === 0 ? { streamId, position } : { streamId, position, open };
    const write = () => store.commit(commit).then(() => true);
    const isDone = await waitForStore(write, this.#options);
    if (isDone && open.length > 0) onOpened?.(open);
  }
}
