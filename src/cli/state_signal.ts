import type { RunSnapshot } from "../diagnostics/run_snapshot.ts";
import { formatStateSummary } from "../diagnostics/state_summary.ts";

/** Writes a summary of the run at each SIGUSR1 until disposed of; Windows has no such signal. */
export function listenForStateRequest(
  snapshot: () => RunSnapshot,
  writeLine: (line: string) => void,
): Disposable {
  if (Deno.build.os === "windows") return { [Symbol.dispose]() {} };
  const onSignal = () => formatStateSummary(snapshot()).forEach(writeLine);
  Deno.addSignalListener("SIGUSR1", onSignal);
  return { [Symbol.dispose]: () => Deno.removeSignalListener("SIGUSR1", onSignal) };
}
