/** What the signals of the process ask for. */
export interface StopSignals extends Disposable {
  /** Aborted by the first SIGTERM or SIGINT: come to an end in good order. */
  readonly stop: AbortSignal;
  /** Resolves at the second one, with the exit code that says so: end at once. */
  readonly again: Promise<number>;
}

/** Signals that ask for an end, with their numbers: a shell tells of them as 128 and the number. */
const SIGNALS: readonly (readonly [Deno.Signal, number])[] = Deno.build.os === "windows"
  ? [["SIGINT", 2], ["SIGBREAK", 21]]
  : [["SIGINT", 2], ["SIGTERM", 15]];

/**
 * Listens to the signals of the process until disposed. As the first process of a container one hears
 * of no signal that it does not listen to, so this comes before everything else.
 */
export function listenForStop(): StopSignals {
  const stop = new AbortController();
  const again = Promise.withResolvers<number>();
  const listeners = SIGNALS.map(([signal, number]) => {
    const listener = () => {
      if (stop.signal.aborted) again.resolve(128 + number);
      else stop.abort();
    };
    Deno.addSignalListener(signal, listener);
    return { signal, listener };
  });
  return {
    stop: stop.signal,
    again: again.promise,
    [Symbol.dispose]() {
      for (const { listener, signal } of listeners) Deno.removeSignalListener(signal, listener);
    },
  };
}

/** A signal that is aborted some time after the first signal of the process, or by the second. */
export function abortAfterStop(
  signals: Pick<StopSignals, "stop" | "again">,
  graceMs: number,
  sleep: (ms: number) => Promise<void>,
): AbortSignal {
  const abort = new AbortController();
  const onStop = () => sleep(graceMs).then(() => abort.abort());
  signals.stop.addEventListener("abort", onStop, { once: true });
  signals.again.then(() => abort.abort());
  return abort.signal;
}
