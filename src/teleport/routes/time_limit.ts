import type { Clock } from "../../core/clock.ts";
import { NoAnswerInTime } from "./route_problem.ts";

/** A signal that is aborted when an attempt takes too long, or by the `signal` given. */
export function limitTime(
  { attemptMs, clock, signal }: {
    readonly attemptMs: number;
    readonly clock: Clock;
    readonly signal: AbortSignal;
  },
): Disposable & { readonly signal: AbortSignal } {
  const limit = new AbortController();
  const ended = new AbortController();
  const stop = () => limit.abort(signal.reason);
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  clock.sleep(attemptMs, ended.signal)
    .then(() => limit.abort(new NoAnswerInTime(attemptMs)), () => {});
  return {
    signal: limit.signal,
    [Symbol.dispose]() {
      signal.removeEventListener("abort", stop);
      ended.abort();
    },
  };
}
