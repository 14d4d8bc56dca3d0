import type { Arrival } from "../chaos_receiver.ts";
import { canonicalJson, type KnownEvent } from "../known_event.ts";

/** What arrived, and how often the streams went from one replica to another. */
export interface RepeatEvidence {
  readonly arrivals: readonly Arrival[];
  readonly wanted: readonly KnownEvent[];
  readonly logPath: string;
  /** The stream of a recording, by its path at the receiver; undefined for any other path. */
  readonly streamAt: (path: string) => string | undefined;
  /** How often a stream was taken over, or may have been: by the end of its name. */
  readonly takeoversOf: (stream: string) => number;
  /** How often a replica stood still for so long that it cannot have heard an answer. */
  readonly pauses: number;
  /** Most events of a request. */
  readonly batchEvents: number;
}

/** Requests of a stream that a takeover may repeat (docs/delivery.md). */
const REQUESTS_AT_RISK = 5;

/**
 * Judges the repeats of each stream on its own: no more than the events in flight for each time that
 * another replica took it over, and those of a request for each answer that cannot have been heard.
 */
export function judgeRepeats(evidence: RepeatEvidence): string[] {
  const { batchEvents, pauses, takeoversOf } = evidence;
  return [...countRepeats(evidence)].flatMap(([stream, count]) => {
    const most = (takeoversOf(stream) * REQUESTS_AT_RISK + pauses) * batchEvents;
    return count <= most
      ? []
      : [`${count} events of '${stream}' were repeated, and at most ${most} may be`];
  }).slice(0, 3);
}

function countRepeats({ arrivals, logPath, streamAt, wanted }: RepeatEvidence) {
  const streams = new Map(wanted.map(({ key, stream }) => [key, stream]));
  // Of two events with one payload nobody can tell which arrived.
  const alike = Map.groupBy(wanted, ({ key }) => key);
  const seen = new Set<string>();
  const repeats = new Map<string, number>();
  for (const { fields, path } of arrivals) {
    const key = canonicalJson(fields);
    const stream = path === logPath ? streams.get(key) : streamAt(path);
    if (stream === undefined || (path === logPath && alike.get(key)!.length > 1)) continue;
    const arrival = `${path} ${key}`;
    if (seen.has(arrival)) repeats.set(stream, (repeats.get(stream) ?? 0) + 1);
    seen.add(arrival);
  }
  return repeats;
}
