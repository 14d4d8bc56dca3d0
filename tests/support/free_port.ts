/**
 * Ports that no system gives out by itself: on Linux those begin at 32768, elsewhere at 49152. So
 * nobody takes one between its finding and its use, nor while its server is stopped for a moment.
 */
const FIRST = 12_000;
const COUNT = 20_000;

/** Begins anywhere, because test files run side by side. */
let next = Math.floor(Math.random() * COUNT);

/** A port of 127.0.0.1 that nobody listens on; the same process is given each one once. */
export function findFreePort(): number {
  for (let tried = 0; tried < COUNT; tried++) {
    const port = FIRST + next++ % COUNT;
    if (isFree(port)) return port;
  }
  throw new Error(`No port from ${FIRST} to ${FIRST + COUNT - 1} is free`);
}

function isFree(port: number): boolean {
  try {
    Deno.listen({ hostname: "127.0.0.1", port }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    throw error;
  }
}
