import { type Evidence, findMissing } from "./judge_log.ts";
import type { SessionEvidence } from "./judge_sessions.ts";
import { canonicalJson } from "./known_event.ts";

/** How many events that exist neither arrived nor lie in quarantine: those of the log and of recordings. */
export function countLag(
  evidence: SessionEvidence & Pick<Evidence, "wanted" | "journal" | "quarantined" | "logPath">,
): number {
  const { journal, pathOf, quarantined, sessions } = evidence;
  const arrived = new Map<string, Set<string | undefined>>();
  for (const { fields, path } of journal.arrivals) {
    if (!arrived.has(path)) arrived.set(path, new Set());
    arrived.get(path)!.add(canonicalJson(fields));
  }
  const kept = Map.groupBy(quarantined, ({ stream }) => stream);
  const ofSessions = sessions.filter(({ isMissing }) => !isMissing).map(({ keys, sid }) => {
    const inQuarantine = (kept.get(`session/${sid}`) ?? []).map(({ key }) => key);
    const here = (arrived.get(pathOf(sid)) ?? new Set()).union(new Set(inQuarantine));
    return keys.length - here.size;
  });
  return findMissing(evidence).length + ofSessions.reduce((sum, left) => sum + left, 0);
}
