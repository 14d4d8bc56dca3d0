import type { Clock } from "./clock.ts";

/** A signal that is aborted by a limit; disposing of it ends the wait for that. */
export interface TimeLimit extends Disposable {
  readonly signal: AbortSignal;
  /** Whether it took too long. */
  readonly isOver: boolean;
}

/** Limits the time of some work, which ends by `stop` as well. The result must be held meanwhile. */
export function limitTime(
  { clock, stop, timeoutMs }: {
    readonly clock: Clock;
    readonly timeoutMs: number;
    readonly stop?: AbortSignal | undefined;
  },
): TimeLimit {
  const ended = new AbortController();
  const late = new AbortController();
  clock.sleep(timeoutMs, ended.signal).then(() => late.abort(), () => {});
  return {
    signal: stop === undefined ? late.signal : AbortSignal.any([stop, late.signal]),
    get isOver() {
      return late.signal.aborted;
    },
    // Without a reason, an error with its stack would be made for it.
    [Symbol.dispose]: () => ended.abort("over"),
  };
}
