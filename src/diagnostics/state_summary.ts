import { judgeReadiness } from "./readiness.ts";
import type { RunSnapshot, StreamCounts } from "./run_snapshot.ts";

/** Writes what a run knows about itself as plain lines, for SIGUSR1. */
export function formatStateSummary(run: RunSnapshot): readonly string[] {
  const { events: { log, session } } = run;
  const rows: [name: string, value: string][] = [
    ["Version", run.version],
    ["Running", `since ${formatTime(run.startedAtMs)}, ${formatSpan(run.nowMs - run.startedAtMs)}`],
    ["Teleport", `${run.teleport}, ${describeMode(run)}`],
    ["Receiver", run.isDryRun ? "none: dry run" : run.logUrl],
    ["Storage", run.storage],
    ["State", describeState(run)],
    ["Lag", run.lagMs === undefined ? "not known yet" : formatSpan(run.lagMs)],
    ["Last event", describeLastEvent(run)],
    ["Audit log", describeCounts(log)],
    ["Recordings", run.sessions === undefined ? "not forwarded" : describeCounts(session)],
    ["Sessions", describeSessions(run)],
    ...(run.chunks === undefined ? [] : [["Chunks", describePool(run.chunks)] as [string, string]]),
    [
      "Waiting",
      `${run.queue.events} events (${run.queue.bytes} bytes), ${run.inFlightEvents} sent`,
    ],
    ["Commits", `${run.commits.stored} stored, ${run.commits.failed} failed`],
    ["Quarantine", describeQuarantine(run)],
    ...describeReplicas(run),
    ...run.credentials.map(({ name, notAfterMs }): [string, string] => [
      "Certificate",
      `${name} until ${formatTime(notAfterMs)}`,
    ]),
    ...judgeReadiness(run).flatMap(({ name, problem }): [string, string][] =>
      problem === undefined ? [] : [["Not ready", `${name}: ${problem}`]]
    ),
  ];
  const width = Math.max(...rows.map(([name]) => name.length)) + 1;
  return rows.map(([name, value]) => `State ${`${name}:`.padEnd(width)} ${value}`);
}

function describeReplicas({ replica }: RunSnapshot): [string, string][] {
  return (replica?.replicas ?? []).map(({ claims, isLeader, isSelf, name, seenAgoMs }) => [
    "Replica",
    `${name}, ${isLeader ? "leads" : "follows"}, forwards ${claims} streams, ` +
    (isSelf ? "this one" : `seen ${formatSpan(seenAgoMs)} ago`),
  ]);
}

function describeMode({ mode, replica }: RunSnapshot): string {
  if (replica?.role === "joining") return "not read without a lease";
  if (replica?.role === "follower") return "read by another replica";
  if (mode === undefined) return "no answer yet";
  return mode === "paged" ? "read by pages" : "read by chunks";
}

function describeState(
  { caughtUpAtMs, isCaughtUp, phase, readFromMs, replica }: RunSnapshot,
): string {
  if (phase === "stopping") return "stopping";
  if (replica?.role === "joining") return "joining";
  if (replica?.role === "follower") return "following";
  if (isCaughtUp) return `caught up since ${formatTime(caughtUpAtMs!)}`;
  return readFromMs === undefined ? "starting" : `catching up from ${formatTime(readFromMs)}`;
}

function describeLastEvent({ lastDeliveredAtMs, lastEvent }: RunSnapshot): string {
  if (lastEvent === undefined) return "none in this run";
  const { id, timeMs, type } = lastEvent;
  return `${type} ${id} of ${formatTime(timeMs)}, delivered ${formatTime(lastDeliveredAtMs!)}`;
}

function describeCounts(counts: RunSnapshot["events"]["log"]): string {
  const { delivered, filtered, received, refused, unreadable } = counts;
  return `${received} events read, ${delivered} delivered, ${filtered} left out, ` +
    `${refused + unreadable} quarantined`;
}

function describeSessions({ sessions, sessionsGivenUp, sessionsSent }: RunSnapshot): string {
  const pool = sessions === undefined ? "" : `${describePool(sessions)}, `;
  return `${pool}${sessionsSent} sent, ${sessionsGivenUp} given up`;
}

function describePool({ parked, ready, running }: StreamCounts): string {
  return `${running} active, ${ready} waiting, ${parked} parked`;
}

function describeQuarantine({ events: { log, session }, quarantined }: RunSnapshot): string {
  const own = log.refused + log.unreadable + session.refused + session.unreadable;
  return quarantined === undefined ? `${own} events of this run` : `${quarantined} events`;
}

function formatTime(ms: number): string {
  const time = new Date(ms);
  return isNaN(time.getTime()) ? "unknown time" : time.toISOString();
}

/** "2d 3h 4m 5s", down to seconds. */
function formatSpan(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const parts = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  return parts.slice(first === -1 ? 3 : first).map(([count, unit]) => `${count}${unit}`).join(" ");
}
