import { nextTurn } from "../core/clock.ts";
import type { EventPage } from "./event_messages.ts";

/** A page, and when the server was asked for it, on the wall clock. */
export interface AskedPage {
  readonly page: EventPage;
  readonly askedAtMs: number;
}

/** A turn of the event loop puts a call on the connection, and another one sends it. */
const TURNS_TO_SEND = 2;

/**
 * The pages of a window, each of which names the next. From the second one on, the next page is asked for
 * as soon as one has come, so that the server works while that one is looked at.
 */
export class PagesAhead {
  readonly #ask: (cursor: string) => Promise<AskedPage>;
  #next: Promise<AskedPage> | undefined;

  constructor(ask: (cursor: string) => Promise<AskedPage>) {
    this.#ask = ask;
  }

  /** The page at a cursor: that of the page before, or none for the first. @throws what `ask` throws. */
  async take(cursor: string): Promise<AskedPage> {
    const asked = await (this.#next ?? this.#ask(cursor));
    this.#next = undefined;
    const { lastKey } = asked.page;
    // Many windows have one page, and nobody may want a second one.
    if (cursor !== "" && lastKey !== "") {
      this.#next = this.#ask(lastKey);
      // It is told of when it is taken, if at all.
      this.#next.catch(() => {});
      for (let turn = 0; turn < TURNS_TO_SEND; turn++) await nextTurn();
    }
    return asked;
  }
}
