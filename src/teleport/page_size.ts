const SMALLEST = 20;
const LARGEST = 500;

/** How many events to ask for in a page: as many as is set, or more and more while there is a backlog. */
export class PageSize {
  readonly #fixed: number | undefined;
  #events: number;

  /** `fixed` is for all pages; without it, they grow from 20 to 500. */
  constructor(fixed: number | undefined) {
    this.#fixed = fixed;
    this.#events = fixed ?? SMALLEST;
  }

  get events(): number {
    return this.#events;
  }

  /** Hears of a page: whether it was the last one of its window, and whether the window is past. */
  note({ isLast, isPast }: { readonly isLast: boolean; readonly isPast: boolean }): void {
    if (this.#fixed !== undefined) return;
    if (!isLast) this.#events = Math.min(this.#events * 2, LARGEST);
    else if (!isPast) this.#events = SMALLEST;
  }
}
