import type { ReceiverJournal } from "./chaos_receiver.ts";
import { canonicalJson, type KnownSession } from "./known_event.ts";
import type { Quarantined } from "./quarantined.ts";

/** What is known of the recordings when a run is over. */
export interface SessionEvidence {
  /** Recordings that must arrive, and those that are not there. */
  readonly sessions: readonly KnownSession[];
  readonly journal: Pick<ReceiverJournal, "arrivals" | "requests">;
  readonly quarantined: readonly Quarantined[];
  /** Path of a recording at the receiver. */
  readonly pathOf: (sid: string) => string;
  /** The one other path at which something may arrive. */
  readonly logPath: string;
}

/**
 * Judges the recordings: each is whole, unchanged and in order, none that is not there arrived, and
 * nothing came to any other path.
 */
export function judgeSessions(evidence: SessionEvidence): string[] {
  return [
    ...judgePaths(evidence),
    ...evidence.sessions.flatMap((session) => judgeSession(evidence, session)),
  ].slice(0, 3);
}

/** Whatever arrived, was sent or lies in quarantine belongs to the log or to a recording that exists. */
function judgePaths(
  { journal: { arrivals, requests }, logPath, pathOf, quarantined, sessions }: SessionEvidence,
): string[] {
  const paths = new Set([logPath, ...sessions.map(({ sid }) => pathOf(sid))]);
  const streams = new Set(sessions.map(({ sid }) => `session/${sid}`));
  const stray = arrivals.find(({ path }) => !paths.has(path));
  const sent = requests?.find(({ path }) => !paths.has(path));
  const kept = quarantined.find(({ stream }) =>
    stream.startsWith("session/") && !streams.has(stream)
  );
  return [
    ...stray === undefined
      ? []
      : [`Something arrived at the unknown path ${stray.path}: ${quote(stray.fields)}`],
    ...sent === undefined ? [] : [`A request was sent to the unknown path ${sent.path}`],
    ...kept === undefined
      ? []
      : [`Event ${kept.id} of the unknown recording ${kept.stream} lies in quarantine`],
  ];
}

function judgeSession(
  { journal, pathOf, quarantined }: SessionEvidence,
  { isMissing, keys, sid }: KnownSession,
): string[] {
  const arrived = new Map(
    journal.arrivals.filter(({ path }) => path === pathOf(sid))
      .map(({ fields }) => [canonicalJson(fields), fields]),
  );
  const kept = quarantined.filter(({ stream }) => stream === `session/${sid}`);
  const all = new Set([...arrived.keys(), ...kept.map(({ key }) => key)]);
  if (isMissing) return all.size === 0 ? [] : [`The recording ${sid} is not there and arrived`];
  const places = new Map(keys.map((key, place) => [key, place]));
  for (const [key, fields] of arrived) {
    if (places.has(key)) continue;
    return [`An unknown or changed event of the recording ${sid} arrived: ${quote(fields)}`];
  }
  for (const { id, key } of kept) {
    if (key !== undefined && places.has(key)) continue;
    return [`An unknown or changed event of the recording ${sid} lies in quarantine: ${id}`];
  }
  // One that was refused or failed on its own may be taken later, as in the log.
  const suspects = new Set(
    journal.requests?.filter(({ events, status }) => events.length === 1 && (status ?? 0) >= 400)
      .map(({ events }) => canonicalJson(events[0]!)),
  );
  const order = [...arrived.keys()].filter((key) => !suspects.has(key))
    .map((key) => places.get(key)!);
  if (order.some((place, at) => at > 0 && place < order[at - 1]!)) {
    return [`The order was not kept in the recording ${sid}: ${order.join()}`];
  }
  return all.size === places.size
    ? []
    : [`Of the ${places.size} events of the recording ${sid} ${all.size} arrived`];
}

function quote(fields: object): string {
  return JSON.stringify(fields).slice(0, 200);
}
