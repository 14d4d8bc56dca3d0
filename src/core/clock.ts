/** One of Node's globals, which the runtime gives to all by `node-globals` of deno.json. */
declare function setImmediate(callback: () => void): unknown;

/** Time as the program sees it; tests put their own in its place. */
export interface Clock {
  /** Wall-clock time in milliseconds since the epoch. It may jump. */
  nowMs(): number;
  /** Monotonic milliseconds since an arbitrary moment, for durations. */
  monotonicMs(): number;
  /** Resolves after `ms`. Rejects with `signal.reason` when the signal is or becomes aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The clock of the machine. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep(ms, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal!.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      }, ms);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  },
};

/** Resolves in the next turn of the event loop, after what waits in this one. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
