import { type Clock, nextTurn } from "../core/clock.ts";
import type { EventPage } from "./event_messages.ts";

/** A page, and when the server was asked for it and gave it, on the wall clock. */
export interface AskedPage {
  readonly page: EventPage;
  readonly askedAtMs: number;
  readonly cameAtMs: number;
}

/** How pages are asked for. */
export interface PagesAheadOptions {
  /** Asks for the page at a cursor; leaves nothing open behind when the signal is aborted. */
  readonly ask: (cursor: string, signal: AbortSignal) => Promise<EventPage>;
  readonly clock: Clock;
  /** Ends all calls. */
  readonly signal: AbortSignal;
}

/** A page that was asked for before anybody wants it. */
interface PageAhead {
  readonly cursor: string;
  readonly page: Promise<AskedPage>;
  hasFailed: boolean;
}

/** A turn of the event loop puts a call on the connection, and another one sends it. */
const TURNS_TO_SEND = 2;

/**
 * The pages of a window, each of which names the next. From the second one on, the next page is asked for
 * as soon as one has come, so that the server works while that one is looked at.
 */
export class PagesAhead implements Disposable {
  readonly #options: PagesAheadOptions;
  readonly #left = new AbortController();
  /** Of all calls: ended from outside, or because nobody takes their pages. */
  readonly #signal: AbortSignal;
  #ahead: PageAhead | undefined;

  constructor(options: PagesAheadOptions) {
    this.#options = options;
    this.#signal = AbortSignal.any([options.signal, this.#left.signal]);
  }

  /**
   * The page at a cursor: that of the page before, or none for the first. One that could not be given
   * before it is taken is asked for once more: what failed then may work by now.
   *
   * @throws what asking for it came to.
   */
  async take(cursor: string): Promise<AskedPage> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    const isOnItsWay = ahead?.cursor === cursor && !ahead.hasFailed;
    const asked = await (isOnItsWay ? ahead.page : this.#ask(cursor));
    const { lastKey } = asked.page;
    // Many windows have one page, and nobody may want a second one.
    if (cursor !== "" && lastKey !== "") {
      this.#askAhead(lastKey);
      for (let turn = 0; turn < TURNS_TO_SEND; turn++) await nextTurn();
    }
    return asked;
  }

  /** Takes back the call for a page that nobody will take. */
  [Symbol.dispose](): void {
    this.#left.abort("over");
  }

  async #ask(cursor: string): Promise<AskedPage> {
    const { ask, clock } = this.#options;
    const askedAtMs = clock.nowMs();
    const page = await ask(cursor, this.#signal);
    return { page, askedAtMs, cameAtMs: clock.nowMs() };
  }

  #askAhead(cursor: string): void {
    const ahead = { cursor, page: this.#ask(cursor), hasFailed: false };
    ahead.page.catch(() => void (ahead.hasFailed = true));
    this.#ahead = ahead;
  }
}
