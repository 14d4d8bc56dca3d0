import type { Writable } from "node:stream";
// deno-lint-ignore house/clock -- no time passes: it is the end of this turn of the loop
import { setImmediate } from "node:timers";

/**
 * Lets what is written in one turn of the event loop leave in one piece. HTTP/2 writes each frame by
 * itself, and each would be a TLS record and a system call of its own: with small pages that is a
 * seventh of all work (docs/performance.md).
 */
export function joinWrites(socket: Writable): void {
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
  let isCorked = false;
  socket.write = (...args: unknown[]) => {
    if (!isCorked) {
      isCorked = true;
      socket.cork();
      setImmediate(() => {
        isCorked = false;
        socket.uncork();
      });
    }
    return write(...args);
  };
}
