import type { Clock } from "../core/clock.ts";
import { Fault } from "../core/fault.ts";
import { CallCutError } from "./grpc_call.ts";
import { toTeleportFault } from "./grpc_fault.ts";

/** How a server stream is read. */
export interface WatchedStreamOptions<T> {
  /** Starts the call; it ends when the signal is aborted. */
  readonly call: (signal: AbortSignal) => AsyncIterable<T>;
  /** What the call is for, such as `read a session recording`. */
  readonly purpose: string;
  readonly clock: Clock;
  /** Longest wait for a message, in milliseconds. @default {60000} */
  readonly idleMs?: number;
  readonly signal: AbortSignal;
}

/**
 * Reads a server stream to its end, and always cancels the call: leaving a loop over it alone would
 * leave the stream open on the server, and enough of those end the connection.
 *
 * @throws {Fault} what the call failed by; also when no message comes for `idleMs`, which is not
 * counted while the reader is busy elsewhere. @throws {CallCutError} @throws `signal.reason`.
 */
export async function* readWatchedStream<T>(options: WatchedStreamOptions<T>): AsyncGenerator<T> {
  const { call, clock, purpose, signal } = options;
  const idleMs = options.idleMs ?? 60_000;
  const ended = new AbortController();
  const watch = new AbortController();
  let waitingSinceMs: number | undefined;
  const watching = (async () => {
    while (!watch.signal.aborted) {
      const silentMs = waitingSinceMs === undefined ? 0 : clock.monotonicMs() - waitingSinceMs;
      if (silentMs >= idleMs) {
        const silence = `no message for ${idleMs / 1000} s`;
        return ended.abort(new Fault("unavailable", `Cannot ${purpose}: ${silence}`));
      }
      await clock.sleep(idleMs - silentMs, watch.signal).catch(() => {});
    }
  })();
  try {
    const messages = call(AbortSignal.any([signal, ended.signal]))[Symbol.asyncIterator]();
    while (true) {
      waitingSinceMs = clock.monotonicMs();
      const { done, value } = await messages.next();
      waitingSinceMs = undefined;
      if (done) return;
      yield value;
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (ended.signal.aborted) throw ended.signal.reason;
    if (error instanceof CallCutError) throw error;
    throw toTeleportFault(purpose, error);
  } finally {
    // Without a reason, an error with its stack would be made for each.
    ended.abort("over");
    watch.abort("over");
    await watching;
  }
}
