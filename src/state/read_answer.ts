/** Reads the body of an answer; undefined when it is longer than that. @throws when it breaks off. */
export async function readAnswer(
  response: Response,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  const length = Number(response.headers.get("content-length") ?? NaN);
  // In one go, which takes half the CPU of what follows. What is packed tells no length.
  if (length <= maxBytes) return await response.bytes();
  return await readPieces(response, maxBytes);
}

async function readPieces(response: Response, maxBytes: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    // Leaving the loop cancels what has not come yet.
    if (length > maxBytes) return undefined;
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
