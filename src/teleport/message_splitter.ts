import { Code, ConnectError } from "@connectrpc/connect";
import { releaseMemory } from "./release_memory.ts";

/** A flag, and a length of four bytes, stand before each message (gRPC over HTTP/2, "Length-Prefixed-Message"). */
const HEAD_BYTES = 5;
/** So much room is made for a message on its word alone; for a larger one, as it comes. */
const TRUSTED_BYTES = 4 * 1024 * 1024;

/**
 * Takes the messages of a gRPC answer out of the pieces in which it comes. A message that lies whole in
 * one piece is a part of its memory; another one is copied together, once, and the memory of a piece
 * that is nothing but a part of it is given back.
 */
export class MessageSplitter {
  readonly #maxBytes: number;
  readonly #head = new Uint8Array(HEAD_BYTES);
  #headLength = 0;
  /** The message that has begun: its first `#length` bytes are there. */
  #message: Uint8Array | undefined;
  #messageLength = 0;
  #length = 0;

  constructor(options: { readonly maxBytes: number }) {
    this.#maxBytes = options.maxBytes;
  }

  /** Whether a message has begun and not ended. */
  get isWithinMessage(): boolean {
    return this.#message !== undefined || this.#headLength > 0;
  }

  /**
   * Adds a piece, and appends the messages that it completes to `messages`.
   *
   * @throws {ConnectError} when a message is packed, or larger than it may be.
   */
  push(piece: Uint8Array, messages: Uint8Array[]): void {
    let at = 0;
    while (at < piece.length) {
      if (this.#message === undefined) {
        if (this.#headLength === 0 && piece.length - at >= HEAD_BYTES) {
          const length = this.#readHead(piece, at);
          if (piece.length - at - HEAD_BYTES >= length) {
            at += HEAD_BYTES;
            messages.push(piece.subarray(at, at + length));
            at += length;
            continue;
          }
          this.#begin(length);
          at += HEAD_BYTES;
        } else {
          this.#head[this.#headLength++] = piece[at++]!;
          if (this.#headLength < HEAD_BYTES) continue;
          this.#begin(this.#readHead(this.#head, 0));
        }
      }
      const part = piece.subarray(at, at + this.#messageLength - this.#length);
      this.#add(part);
      at += part.length;
      if (part.length === piece.buffer.byteLength) releaseMemory(piece);
      if (this.#length === this.#messageLength) {
        messages.push(this.#message!);
        this.#message = undefined;
      }
    }
  }

  #readHead(bytes: Uint8Array, at: number): number {
    if (bytes[at] !== 0) {
      throw new ConnectError(
        `Message with flags ${bytes[at]}: it is packed, which nobody asked for`,
        Code.Internal,
      );
    }
    const length = (bytes[at + 1]! << 24 | bytes[at + 2]! << 16 | bytes[at + 3]! << 8 |
      bytes[at + 4]!) >>> 0;
    if (length > this.#maxBytes) {
      throw new ConnectError(
        `Message of ${length} bytes, more than ${this.#maxBytes}`,
        Code.ResourceExhausted,
      );
    }
    return length;
  }

  #begin(length: number): void {
    this.#message = new Uint8Array(Math.min(length, TRUSTED_BYTES));
    this.#messageLength = length;
    this.#length = 0;
    this.#headLength = 0;
  }

  #add(part: Uint8Array): void {
    const length = this.#length + part.length;
    if (length > this.#message!.length) {
      const larger = new Uint8Array(Math.min(this.#messageLength, 2 * length));
      larger.set(this.#message!.subarray(0, this.#length));
      this.#message = larger;
    }
    this.#message!.set(part, this.#length);
    this.#length = length;
  }
}
