/** Reads a request that was posted to the fake receiver, up to its body's JSON. */
import { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { RefusedBodyError } from "./posted_events.ts";

/** Reads the whole body; undefined when it is longer than the limit. */
export async function readPostBody(
  request: IncomingMessage,
  limit: number,
): Promise<Uint8Array | undefined> {
  if (Number(request.headers["content-length"] ?? 0) > limit) return undefined;
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > limit) return undefined;
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

/**
 * Checks method and headers.
 *
 * @throws {RefusedBodyError} When they are not those of a post of JSON.
 */
export function checkPostHead(request: IncomingMessage): void {
  const type = request.headers["content-type"] ?? "none";
  const encoding = request.headers["content-encoding"] ?? "gzip";
  if (request.method !== "POST") throw new RefusedBodyError("method is not POST", true);
  if (!/^application\/json(\s*;.*)?$/.test(type)) {
    throw new RefusedBodyError(`content type is ${type}`, true);
  }
  if (encoding !== "gzip") throw new RefusedBodyError(`content encoding is ${encoding}`, true);
}
