/** As many cursors are remembered; a circle of more pages is not noticed by them. */
const MAX_REMEMBERED = 10_000;
/** Pages in a row that bring nothing new, each with a cursor for more. */
const MAX_FRUITLESS = 100;

/**
 * Notices when a server goes round in circles within the reading of one window: it gives a cursor that
 * it has given before, or pages without news for ever. Some auth servers do at an event that is larger
 * than an answer may be (gravitational/teleport#61645), and some when a page ends with a day.
 */
export class CircleCheck {
  readonly #cursors = new Set<string>();
  #fruitless = 0;

  /** Notes a page and its cursor for the next one, and says whether more of the same will follow. */
  isCircle(cursor: string, hasNews: boolean): boolean {
    this.#fruitless = hasNews ? 0 : this.#fruitless + 1;
    if (cursor === "") return false;
    if (this.#cursors.has(cursor) || this.#fruitless >= MAX_FRUITLESS) return true;
    this.#cursors.add(cursor);
    if (this.#cursors.size > MAX_REMEMBERED) {
      this.#cursors.delete(this.#cursors.keys().next().value!);
    }
    return false;
  }
}
