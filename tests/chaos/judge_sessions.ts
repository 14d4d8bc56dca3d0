import type { ReceiverJournal } from "./chaos_receiver.ts";
import type { KnownSession } from "./known_event.ts";
import type { Quarantined } from "./quarantined.ts";

/** What is known of the recordings when a run is over. */
export interface SessionEvidence {
  readonly sessions: readonly KnownSession[];
  readonly journal: Pick<ReceiverJournal, "arrivals">;
  readonly quarantined: readonly Quarantined[];
  /** Path of a recording at the receiver. */
  readonly pathOf: (sid: string) => string;
}

/** Judges the recordings: each is whole and in order, and none that is not there arrived. */
export function judgeSessions(evidence: SessionEvidence): string[] {
  return evidence.sessions.flatMap((session) => judgeSession(evidence, session)).slice(0, 3);
}

function judgeSession(
  { journal, pathOf, quarantined }: SessionEvidence,
  { events, isMissing, sid }: KnownSession,
): string[] {
  const arrived = new Set(
    journal.arrivals.filter(({ path }) => path === pathOf(sid)).map(({ fields }) =>
      Number(fields["ei"])
    ),
  );
  const kept = quarantined.filter(({ stream }) => stream === `session/${sid}`);
  const indexes = [...arrived];
  if (indexes.some((index, at) => at > 0 && index < indexes[at - 1]!)) {
    return [`The order was not kept in the recording ${sid}: ${indexes.join()}`];
  }
  const all = new Set([...arrived, ...kept.flatMap(({ index }) => index ?? [])]);
  if (isMissing) return all.size === 0 ? [] : [`The recording ${sid} is not there and arrived`];
  const first = Math.min(...all);
  const isWhole = all.size === events && Math.max(...all) === first + events - 1;
  return isWhole ? [] : [`Of the ${events} events of the recording ${sid} ${all.size} arrived`];
}
