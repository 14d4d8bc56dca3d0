import type { KvKey } from "./kv_connection.ts";

/** What stands before a text in the bytes of a key. */
const TEXT = 0x02;
/** The end of a text; one that is part of it is followed by `ESCAPE`. */
const END = 0x00;
const ESCAPE = 0xff;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Encodes a key as Deno KV does: the order of the bytes is the order of the keys. */
export function encodeKvKey(key: KvKey): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  for (const part of key) {
    bytes.push(TEXT);
    for (const byte of encoder.encode(part)) {
      bytes.push(byte);
      if (byte === END) bytes.push(ESCAPE);
    }
    bytes.push(END);
  }
  return new Uint8Array(bytes);
}

/** Decodes a key that consists of texts. @throws {SyntaxError} for any other. */
export function decodeKvKey(bytes: Uint8Array): KvKey {
  const key: string[] = [];
  for (let at = 0; at < bytes.length;) {
    if (bytes[at++] !== TEXT) throw new SyntaxError("Not a key of texts");
    const start = at;
    let hasEscapes = false;
    while (true) {
      at = bytes.indexOf(END, at);
      if (at === -1) throw new SyntaxError("Not a whole key");
      if (bytes[++at] !== ESCAPE) break;
      hasEscapes = true;
      at++;
    }
    const text = decoder.decode(bytes.subarray(start, at - 1));
    // The byte of an escape stands in no text of UTF-8, so that it was decoded as what cannot be read.
    key.push(hasEscapes ? text.replaceAll("\0\ufffd", "\0") : text);
  }
  return key;
}
