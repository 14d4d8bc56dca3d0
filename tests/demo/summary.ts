import { expectedJson, type FakeEvent } from "../support/events.ts";

/** What came of a run, from both ends of it. */
export interface DemoRun {
  /** The log of the auth server, in its order. */
  readonly log: readonly FakeEvent[];
  /** Everything that the receiver took, in the order of its coming. */
  readonly received: readonly { readonly [field: string]: unknown }[];
  readonly requests: number;
  /** What the receiver had to complain of. */
  readonly violations: readonly string[];
  /** Exit code of the handler. */
  readonly exitCode: number;
}

/** The two ends compared. */
export interface DemoSummary {
  readonly inLog: number;
  /** Events of the log that came, each counted once. */
  readonly arrived: number;
  readonly repeats: number;
  readonly requests: number;
  /** Whether the first arrivals came in the order of the log. */
  readonly orderKept: boolean;
  /** How many arrived with another payload than the one in the log. */
  readonly changed: number;
  /** What must not be; empty after a good run. */
  readonly faults: readonly string[];
}

/** Compares what is in the log with what came. */
export function summarize(run: DemoRun): DemoSummary {
  const expected = new Map(run.log.map((event) => [event.id, expectedJson(event)]));
  const first = new Map<string, string>();
  for (const record of run.received) {
    const id = String(record["uid"]);
    if (!first.has(id)) first.set(id, JSON.stringify(record));
  }
  const arrived = [...first.keys()].filter((id) => expected.has(id));
  const missing = [...expected.keys()].filter((id) => !first.has(id));
  const unknown = [...first.keys()].filter((id) => !expected.has(id));
  const changed = arrived.filter((id) => first.get(id) !== expected.get(id));
  const inOrder = run.log.map((event) => event.id).filter((id) => first.has(id));
  const orderKept = arrived.every((id, i) => id === inOrder[i]);
  const faults: string[] = [];
  if (missing.length > 0) {
    faults.push(`${missing.length} events are missing, such as ${missing[0]}`);
  }
  if (unknown.length > 0) faults.push(`${unknown.length} events came that are not in the log`);
  if (changed.length > 0) {
    faults.push(`${changed.length} events were changed, such as ${changed[0]}`);
  }
  if (!orderKept) faults.push("the order was not kept");
  for (const violation of run.violations) faults.push(`Fluentd complained: ${violation}`);
  if (run.exitCode !== 0) faults.push(`the handler ended with ${run.exitCode}`);
  return {
    inLog: run.log.length,
    arrived: arrived.length,
    repeats: run.received.length - first.size,
    requests: run.requests,
    orderKept,
    changed: changed.length,
    faults,
  };
}
