/** The least that waits at the end of a held body, see below; what goes before it goes in such pieces. */
const PIECE_BYTES = 128 * 1024;

/**
 * A body of which all but the last bytes go out at once, and those when `release` is called: until then
 * the receiver has nothing that it could take.
 *
 * It is a Blob, because the runtime asks a Blob for its length and sends that before it asks for the
 * bytes. The body of any other stream goes out in chunks of unknown length, which not every receiver
 * takes.
 *
 * What waits is large. A small end would be kept back by Nagle's algorithm until the receiver's kernel
 * has acknowledged what came before, which it does up to 40 ms late; whole segments it acknowledges at
 * once.
 */
export class HeldBody extends Blob {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #released = Promise.withResolvers<void>();

  /** The bytes must stay as they are until the request has ended. */
  constructor(bytes: Uint8Array<ArrayBuffer>) {
    super();
    this.#bytes = bytes;
  }

  override get size(): number {
    return this.#bytes.length;
  }

  override stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    const bytes = this.#bytes;
    let at = 0;
    return new ReadableStream({
      pull: async (controller) => {
        const isLast = at + 2 * PIECE_BYTES > bytes.length;
        if (isLast) await this.#released.promise;
        const end = isLast ? bytes.length : at + PIECE_BYTES;
        controller.enqueue(bytes.subarray(at, end));
        at = end;
        if (isLast) controller.close();
      },
    }, { highWaterMark: 0 });
  }

  /** Lets the last bytes go. */
  release(): void {
    this.#released.resolve();
  }
}
