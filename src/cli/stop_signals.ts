/** Two ways to end: in good order, and at once. */
export interface StopSignals extends Disposable {
  /** Aborted by the first SIGTERM or SIGINT. */
  readonly stop: AbortSignal;
  /** Aborted when the end in good order takes too long, or by a second signal. */
  readonly abort: AbortSignal;
}

const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM"];

/** Listens to the signals of the process until disposed; `graceMs` is the time for a good order. */
export function listenForStop(
  graceMs: number,
  sleep: (ms: number, signal: AbortSignal) => Promise<void>,
): StopSignals {
  const stop = new AbortController();
  const abort = new AbortController();
  const disposed = new AbortController();
  const onSignal = () => {
    if (stop.signal.aborted) return abort.abort();
    stop.abort();
    sleep(graceMs, disposed.signal).then(() => abort.abort(), () => {});
  };
  for (const signal of SIGNALS) Deno.addSignalListener(signal, onSignal);
  return {
    stop: stop.signal,
    abort: abort.signal,
    [Symbol.dispose]() {
      disposed.abort();
      for (const signal of SIGNALS) Deno.removeSignalListener(signal, onSignal);
    },
  };
}
