import type { Arrival, ArrivedRequest, ReceiverJournal } from "./chaos_receiver.ts";
import { mayHaveGivenUp } from "./fake_chaos_receiver.ts";
import { TIMEOUT_MS } from "./schedule.ts";
import type { Break } from "./handler.ts";
import { canonicalJson, type KnownEvent } from "./known_event.ts";
import type { Quarantined } from "./quarantined.ts";

/** All that is known when a run is over. */
export interface Evidence {
  /** Events that exist and pass the filters, in the order of an ascending reader. */
  readonly wanted: readonly KnownEvent[];
  /** Ids of events that exist and do not pass them. */
  readonly unwanted: ReadonlySet<string>;
  readonly journal: ReceiverJournal;
  readonly quarantined: readonly Quarantined[];
  readonly breaks: readonly Break[];
  /** When connections to the receiver were cut, on the monotonic clock. */
  readonly cutsMs: readonly number[];
  /** Most events of a request. */
  readonly batchEvents: number;
  /** Most repeats, where the receiver cannot tell which request brought an event. */
  readonly maxRepeats: number;
  /** Bodies that were longer may have been refused for it. */
  readonly maxBytes: number;
  /** How often bulk export was gained or lost. */
  readonly modeChanges: number;
  /** Whether SIGTERM may repeat events: an event at fault was being looked for, or the disk failed. */
  readonly terminateMayRepeat: boolean;
  readonly logPath: string;
}

/** What the judge found. */
export interface Verdict {
  readonly problems: readonly string[];
  readonly repeats: number;
}

/** Failures with a 5xx after which a single event may be set aside (docs/delivery.md). */
const FAILURES_BEFORE_SUSPICION = 5;

/** Keys of wanted events that neither arrived nor lie in quarantine. */
export function findMissing(
  evidence: Pick<Evidence, "wanted" | "journal" | "quarantined" | "logPath">,
): KnownEvent[] {
  const { journal, logPath, quarantined, wanted } = evidence;
  const left = new Map<string, number>();
  for (const { path, fields } of journal.arrivals) {
    if (path === logPath) add(left, canonicalJson(fields), 1);
  }
  for (const { key, id } of quarantined) add(left, key ?? `id ${id}`, 1);
  // Where two events have one payload, each needs an arrival of its own.
  const needed = new Map<string, number>();
  return wanted.filter((event) => {
    add(needed, event.key, 1);
    if ((left.get(event.key) ?? 0) >= needed.get(event.key)!) return false;
    return !left.has(`id ${event.id}`);
  });
}

/** Judges the audit log: whole, nothing else, unchanged, in order, and repeated only for a reason. */
export function judgeLog(evidence: Evidence): Verdict {
  const problems = [
    ...judgeWhole(evidence),
    ...judgePayloads(evidence),
    ...judgeQuarantine(evidence),
    ...judgeOrder(evidence),
  ];
  const journal = inOrderOfSending(evidence.journal);
  const repeats = judgeRepeats({ ...evidence, journal });
  return { problems: [...problems, ...repeats.problems], repeats: repeats.count };
}

function judgeWhole(evidence: Evidence): string[] {
  const problems: string[] = [...evidence.journal.violations];
  const missing = findMissing(evidence);
  if (missing.length > 0) {
    const some = missing.slice(0, 3).map(({ id, stream, timeMs, type, isLate }) =>
      `${id} (${type}, ${new Date(timeMs).toISOString()}, ${stream}${isLate ? ", late" : ""})`
    );
    problems.push(`${missing.length} events are missing: ${some.join(", ")}`);
  }
  const known = new Set(evidence.wanted.map(({ key }) => key));
  for (const { fields, path } of evidence.journal.arrivals) {
    if (path !== evidence.logPath || known.has(canonicalJson(fields))) continue;
    const id = String(fields["uid"]);
    const what = evidence.unwanted.has(id) ? "An unwanted" : "An unknown or changed";
    problems.push(`${what} event arrived: ${JSON.stringify(fields).slice(0, 200)}`);
    break;
  }
  return problems;
}

/** Bodies are joined of the payloads as the server tells them, byte for byte. */
function judgePayloads({ journal, logPath, wanted }: Evidence): string[] {
  const texts = new Map(wanted.map(({ key, text }) => [key, text]));
  for (const { body, events, path } of journal.requests ?? []) {
    if (path !== logPath || body === undefined || events.length === 0) continue;
    const expected = events.map((fields) => texts.get(canonicalJson(fields)));
    if (expected.includes(undefined)) continue;
    const text = expected.length === 1 ? expected[0] : `[${expected.join(",")}]`;
    const arrived = new TextDecoder().decode(body);
    if (arrived !== text) return [`A body is not what the server sent: ${arrived.slice(0, 200)}`];
  }
  return [];
}

/**
 * An event lies in quarantine as the server told it, because it was refused, or failed again and again,
 * on its own. Which events a recording has is for `judgeSessions`.
 */
function judgeQuarantine(evidence: Evidence): string[] {
  const { journal, quarantined, wanted } = evidence;
  const isSuspect = findSuspects(evidence);
  const known = new Map(wanted.map((event) => [event.key, event]));
  const ids = new Set(wanted.map(({ id }) => id));
  const problems: string[] = [];
  for (const { id, key, reason, stream } of quarantined) {
    const ofSession = stream.startsWith("session/");
    if (!ofSession && !(key === undefined ? ids.has(id) : known.has(key))) {
      problems.push(`An unknown or changed event lies in quarantine: ${id}`);
    } else if (journal.requests !== undefined && key !== undefined) {
      const event = known.get(key) ?? { key, bytes: key.length };
      if (!isSuspect(event)) {
        problems.push(`Event ${id} lies in quarantine for no reason: ${reason}`);
      }
    }
  }
  return problems.slice(0, 3);
}

/**
 * First arrivals come in the order of the stream, but for events that entered the log late, and those
 * that were suspected of making requests fail.
 */
function judgeOrder(evidence: Evidence): string[] {
  const { journal, logPath, modeChanges, wanted } = evidence;
  if (modeChanges > 0) return [];
  const known = new Map(wanted.map((event) => [event.key, event]));
  // Of two events with one payload nobody can tell which arrived.
  const counts = Map.groupBy(wanted, ({ key }) => key);
  const isSuspect = findSuspects(evidence);
  const seen = new Set<string>();
  const last = new Map<string, KnownEvent>();
  for (const { fields, path } of journal.arrivals) {
    const key = canonicalJson(fields);
    const event = known.get(key);
    if (path !== logPath || event === undefined || seen.has(key)) continue;
    seen.add(key);
    if (event.isLate || isSuspect(event) || counts.get(key)!.length > 1) continue;
    const before = last.get(event.stream);
    if (before !== undefined && event.place < before.place) {
      return [`The order was not kept in ${event.stream}: ${event.id} came after ${before.id}`];
    }
    last.set(event.stream, event);
  }
  return [];
}

/** Says of an event whether it was refused, or failed five times, while it was alone in a request. */
function findSuspects(
  { journal: { requests = [] }, maxBytes }: Evidence,
): (event: Pick<KnownEvent, "bytes" | "key">) => boolean {
  const refused = countFailures(requests, (status) => status >= 400 && status < 500);
  const failed = countFailures(requests, (status) => status >= 500);
  return ({ bytes, key }) =>
    bytes > 0.9 * maxBytes || (refused.get(key) ?? 0) > 0 ||
    (failed.get(key) ?? 0) >= FAILURES_BEFORE_SUSPICION;
}

/**
 * The same journal with its arrivals as they were sent. A receiver that reads slowly may take the last
 * request of a killed program after the next one has sent the same again.
 */
function inOrderOfSending(journal: ReceiverJournal): ReceiverJournal {
  if (journal.requests === undefined) return journal;
  return { ...journal, arrivals: journal.arrivals.toSorted((a, b) => a.request! - b.request!) };
}

/** On a busy machine, an answer may lie so long in the connection before it is read, or lost with it. */
const HEARD_MS = 500;
/** A program that was started anew sends nothing so soon: what is seen then, the killed one has sent. */
const SILENT_MS = 100;

/**
 * A repeat needs a reason: the request that brought the event before had no answer that the program
 * can have heard, or it was one of the last of its stream before a kill.
 */
function judgeRepeats(evidence: Evidence): { problems: string[]; count: number } {
  const { journal, logPath, modeChanges, wanted } = evidence;
  const counts = Map.groupBy(wanted, ({ key }) => key);
  const streams = new Map(wanted.map(({ key, stream }) => [key, stream]));
  const isExcused = excuses(
    evidence,
    (arrival) =>
      arrival.path === logPath
        ? streams.get(canonicalJson(arrival.fields)) ?? logPath
        : arrival.path,
  );
  const before = new Map<string, number>();
  const changesLeft = new Map<string, number>();
  const problems: string[] = [];
  let count = 0;
  for (const [index, arrival] of journal.arrivals.entries()) {
    const key = arrival.path === logPath
      ? canonicalJson(arrival.fields)
      : `${arrival.path} ${canonicalJson(arrival.fields)}`;
    const previous = before.get(key);
    before.set(key, index);
    if (previous === undefined || (counts.get(key)?.length ?? 1) > 1) continue;
    count++;
    if (isExcused(previous)) continue;
    const left = changesLeft.get(key) ?? modeChanges;
    if (left > 0) {
      changesLeft.set(key, left - 1);
      continue;
    }
    problems.push(`Event ${arrival.fields["uid"]} at ${arrival.path} was repeated for no reason`);
  }
  if (journal.requests === undefined && count > evidence.maxRepeats) {
    problems.push(`${count} events were repeated, and at most ${evidence.maxRepeats} may be`);
  }
  return { problems: problems.slice(0, 3), count };
}

/** Says of an arrival whether the program may send it once more. */
function excuses(
  evidence: Evidence,
  streamOf: (arrival: Arrival) => string,
): (index: number) => boolean {
  const { batchEvents, breaks, cutsMs, journal: { arrivals, requests }, terminateMayRepeat } =
    evidence;
  if (requests === undefined) return () => true;
  const excused = new Set<number>();
  const requestOf = (index: number) => requests[arrivals[index]!.request!]!;
  for (const index of arrivals.keys()) {
    const request = requestOf(index);
    const isHeard = (request.status ?? 0) >= 200 && (request.status ?? 0) < 300;
    const isCut = cutsMs.some((ms) =>
      ms >= request.atMs && ms <= (request.answeredAtMs ?? Infinity) + HEARD_MS
    );
    if (!isHeard || isCut || mayHaveGivenUp(request) || hasLeft(request, evidence)) {
      excused.add(index);
    }
  }
  // The events of two requests of each stream; one more while an event at fault is looked for.
  const mostEvents = (terminateMayRepeat ? 3 : 2) * batchEvents;
  for (const { atMs, kind } of breaks) {
    if (kind === "terminate" && !terminateMayRepeat) continue;
    const left = new Map<string, number>();
    for (let index = arrivals.length - 1; index >= 0; index--) {
      if (requestOf(index).atMs > atMs + SILENT_MS) continue;
      const stream = streamOf(arrivals[index]!);
      const events = left.get(stream) ?? mostEvents;
      if (events === 0) continue;
      left.set(stream, events - 1);
      excused.add(index);
    }
  }
  return (index) => excused.has(index);
}

/**
 * Whether the program left the connection soon after the answer, and went on over others: it had given
 * up while the answer was on its way. With the answer in hand it would have kept the connection.
 */
function hasLeft(request: ArrivedRequest, { breaks, cutsMs, journal }: Evidence): boolean {
  const { answeredAtMs, closedAtMs } = request;
  if (answeredAtMs === undefined || closedAtMs === undefined) return false;
  if (closedAtMs > answeredAtMs + TIMEOUT_MS) return false;
  if (cutsMs.some((ms) => ms >= answeredAtMs && ms <= closedAtMs)) return false;
  const next = journal.requests?.find(({ atMs }) => atMs >= closedAtMs);
  return next !== undefined &&
    !breaks.some(({ atMs }) => atMs >= closedAtMs && atMs <= next.atMs);
}

/** How often each event failed alone with a status. */
function countFailures(
  requests: readonly ArrivedRequest[],
  isFailure: (status: number) => boolean,
): Map<string, number> {
  const failures = new Map<string, number>();
  for (const { events, status } of requests) {
    if (events.length !== 1 || status === undefined || !isFailure(status)) continue;
    add(failures, canonicalJson(events[0]!), 1);
  }
  return failures;
}

function add(counts: Map<string, number>, key: string, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}
