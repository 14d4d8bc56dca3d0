import type { KvKey } from "./kv_connection.ts";

/** What stands before a text in the bytes of a key. */
const TEXT = 0x02;
/** The end of a text; one that is part of it is followed by `ESCAPE`. */
const END = 0x00;
const ESCAPE = 0xff;

/** Encodes a key as Deno KV does: the order of the bytes is the order of the keys. */
export function encodeKvKey(key: KvKey): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  for (const part of key) {
    bytes.push(TEXT);
    for (const byte of new TextEncoder().encode(part)) {
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
    const part: number[] = [];
    while (true) {
      const byte = bytes[at++];
      if (byte === undefined) throw new SyntaxError("Not a whole key");
      if (byte === END && bytes[at] !== ESCAPE) break;
      if (byte === END) at++;
      part.push(byte);
    }
    key.push(new TextDecoder().decode(new Uint8Array(part)));
  }
  return key;
}
