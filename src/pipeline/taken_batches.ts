import type { AuditEvent } from "../core/event.ts";
import type { Position } from "../core/position.ts";
import type { Batch } from "./page_queue.ts";
import type { StreamPosition } from "./ports.ts";

/** Where a stream has got to, and the streams that the events before it cause. */
export interface Progress {
  readonly position: Position;
  readonly opened: readonly StreamPosition[];
}

/** The batches that one delivery takes of a stream, in order: one, and more to compare its events with. */
export class TakenBatches implements Progress {
  readonly #batches: Batch[];
  readonly #findOpened: (events: readonly AuditEvent[]) => readonly StreamPosition[];

  constructor(
    first: Batch,
    findOpened: (events: readonly AuditEvent[]) => readonly StreamPosition[],
  ) {
    this.#batches = [first];
    this.#findOpened = findOpened;
  }

  /** Adds a batch and gives its events. */
  add(batch: Batch): readonly AuditEvent[] {
    this.#batches.push(batch);
    return batch.events;
  }

  get eventCount(): number {
    return this.#batches.reduce((sum, { events }) => sum + events.length, 0);
  }

  /** More is known to follow them. */
  get backlog(): boolean {
    return this.#batches.at(-1)!.backlog;
  }

  get position(): Position {
    return this.#batches.at(-1)!.position;
  }

  get opened(): readonly StreamPosition[] {
    return this.#batches.flatMap(({ events }) => this.#findOpened(events));
  }

  /** How far the first `count` of the events get; undefined when that is nowhere. */
  upTo(count: number): Progress | undefined {
    let position: Position | undefined;
    let left = count;
    const events: AuditEvent[] = [];
    for (const batch of this.#batches) {
      const isWhole = left >= batch.events.length;
      const part = isWhole ? batch.events : batch.events.slice(0, left);
      position = (isWhole ? batch.position : batch.positionAfter(left)) ?? position;
      events.push(...part);
      left -= part.length;
      if (!isWhole) break;
    }
    return position && { position, opened: this.#findOpened(events) };
  }
}
