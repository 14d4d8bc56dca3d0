import type { Clock } from "../core/clock.ts";
import { formatError } from "../core/fault.ts";
import { failed, type Finding } from "../core/finding.ts";

/** One thing to try. */
export interface Check {
  /** For programs: lower case, with dashes. */
  readonly name: string;
  /** For people. */
  readonly subject: string;
  /** Checks that must not have failed before this one makes sense. */
  readonly needs?: readonly string[];
  /** Checks that must have ended, however they did. */
  readonly after?: readonly string[];
  /** Longest time for it. @default {8000} */
  readonly limitMs?: number;
  run(signal: AbortSignal): Promise<Finding> | Finding;
}

/** What came of a check. */
export interface CheckResult extends Finding {
  readonly name: string;
  readonly subject: string;
}

const LIMIT_MS = 8000;
/** Longest time for all of them. */
const TOTAL_MS = 28_000;

/**
 * Runs the checks, side by side where they do not need each other, and yields what came of them in
 * the order of the list. It always ends within half a minute.
 */
export async function* runChecks(
  checks: readonly Check[],
  clock: Clock,
): AsyncGenerator<CheckResult> {
  const all = new AbortController();
  clock.sleep(TOTAL_MS, all.signal).then(() => all.abort(), () => {});
  const results = new Map<string, Promise<CheckResult>>();
  for (const check of checks) results.set(check.name, runOne(check, { all, clock, results }));
  try {
    for (const result of results.values()) yield await result;
  } finally {
    all.abort();
  }
}

async function runOne(
  check: Check,
  run: {
    all: AbortController;
    clock: Clock;
    results: ReadonlyMap<string, Promise<CheckResult>>;
  },
): Promise<CheckResult> {
  const { name, needs = [], subject } = check;
  for (const earlier of check.after ?? []) await run.results.get(earlier);
  for (const needed of needs) {
    const result = await run.results.get(needed);
    if (result?.status === "failed" || result?.status === "skipped") {
      const cause = result.status === "skipped" ? result.text : `Not tried: see ${result.subject}`;
      return { name, subject, status: "skipped", text: cause };
    }
  }
  return { name, subject, ...await runInTime(check, run) };
}

async function runInTime(
  check: Check,
  { all, clock }: { all: AbortController; clock: Clock },
): Promise<Finding> {
  const limitMs = check.limitMs ?? LIMIT_MS;
  const limit = new AbortController();
  const done = new AbortController();
  const ended = AbortSignal.any([all.signal, done.signal]);
  // The check hears first that its time is over, so that it can say what it waited for.
  const late = clock.sleep(limitMs, ended).then(async () => {
    limit.abort();
    await clock.sleep(500, ended);
    return timeIsOver(limitMs);
  }).catch(() => {
    limit.abort();
    return timeIsOver(limitMs);
  });
  const found = Promise.resolve().then(() => check.run(limit.signal)).catch((error) =>
    failed("internal", `The check itself failed: ${formatError(error)}`, {
      advice: "This is a defect of the program; report it",
    })
  );
  try {
    return await Promise.race([found, late]);
  } finally {
    done.abort();
  }
}

function timeIsOver(limitMs: number): Finding {
  return failed("unavailable", `No result within ${limitMs / 1000} s`, {
    advice: "Something on the way is very slow, or drops what is sent",
  });
}
