/** What waits at the end of a held body; more than two segments of loopback, see below. */
export const HELD_BYTES = 128 * 1024;

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

  /** A body of which nothing waits. `fetch` would copy the bytes themselves, a megabyte at a time. */
  static released(bytes: Uint8Array<ArrayBuffer>): HeldBody {
    const body = new HeldBody(bytes);
    body.release();
    return body;
  }

  override get size(): number {
    return this.#bytes.length;
  }

  override stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    const middle = Math.max(this.#bytes.length - HELD_BYTES, 0);
    const parts = [this.#bytes.subarray(0, middle), this.#bytes.subarray(middle)];
    return new ReadableStream({
      pull: async (controller) => {
        if (parts.length === 1) await this.#released.promise;
        controller.enqueue(parts.shift()!);
        if (parts.length === 0) controller.close();
      },
    }, { highWaterMark: 0 });
  }

  /** Lets the last bytes go. */
  release(): void {
    this.#released.resolve();
  }
}
