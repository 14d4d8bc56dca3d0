/** As many cursors are remembered; a circle of more pages is not noticed by them. */
const MAX_REMEMBERED = 10_000;
/** Pages in a row that bring nothing further, each with a cursor for more. */
const MAX_FRUITLESS = 100;

/**
 * Notices when a server goes round in circles within the reading of one window: it gives a cursor that
 * it has given before, or pages that bring nothing further for ever. Some auth servers do at an event
 * that is larger than an answer may be (gravitational/teleport#61645), and some when a page ends with a
 * day.
 */
export class CircleCheck {
  readonly #cursors = new Set<string>();
  /** Of events that were done before this reading, those that it has not met again. */
  readonly #unmet: Set<string>;
  #fruitless = 0;

  /** Events that are `done` will be given again, each once: that is no circle, however many they are. */
  constructor(done: readonly { readonly id: string }[] = []) {
    this.#unmet = new Set(done.map(({ id }) => id));
  }

  /** Notes a page, whether it has news, and its cursor; says whether more of the same will follow. */
  isCircle(cursor: string, page: readonly { readonly id: string }[], hasNews: boolean): boolean {
    let isFurther = hasNews;
    for (const { id } of page) isFurther = this.#unmet.delete(id) || isFurther;
    this.#fruitless = isFurther ? 0 : this.#fruitless + 1;
    if (cursor === "") return false;
    if (this.#cursors.has(cursor) || this.#fruitless >= MAX_FRUITLESS) return true;
    this.#cursors.add(cursor);
    if (this.#cursors.size > MAX_REMEMBERED) {
      this.#cursors.delete(this.#cursors.keys().next().value!);
    }
    return false;
  }
}
