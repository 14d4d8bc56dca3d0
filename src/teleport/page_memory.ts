import { releaseMemory } from "./release_memory.ts";
import { StructJsonWriter } from "./struct_json.ts";

/**
 * The memory of one stream's payloads. What `writer` writes lies in large pieces, one after the other;
 * a piece may hold the end of one page and the beginning of the next. A page releases the pieces that
 * were full when it was made, so that pages are to be released in their order.
 */
export class PageMemory {
  readonly writer: StructJsonWriter = new StructJsonWriter((piece) => this.#full.push(piece));
  #full: Uint8Array[] = [];

  /** To be called when a page is made; gives back the memory of its payloads, and of those before. */
  endPage(): () => void {
    const pieces = this.#full;
    this.#full = [];
    return () => pieces.forEach(releaseMemory);
  }
}
