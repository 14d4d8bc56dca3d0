import { formatEventTime } from "../core/event.ts";
import type { Progress } from "./progress_meter.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const PEERS = { source: "Teleport", receiver: "Fluentd", state: "the storage" } as const;

/** The progress of a backlog in one line, in several lengths, the longest first. */
export function formatProgress(progress: Progress, nowMs: number): readonly string[] {
  const { delivered, positionMs, perSecond, share } = progress;
  const time = positionMs === undefined
    ? undefined
    : formatEventTime(Math.floor(positionMs / 1000) * 1000).replace(" +0000 UTC", "");
  const events = `${group(delivered)} events`;
  const rate = perSecond === undefined ? undefined : `${group(perSecond)}/s`;
  const percent = share === undefined ? undefined : `${Math.floor(share * 100)} %`;
  const outlook = formatOutlook(progress, nowMs);
  return [
    ["Catching up", time, events, rate, percent, outlook],
    ["Catching up", time?.slice(0, "2026-01-01 00:00".length), rate, percent, outlook],
    ["Catching up", rate, percent, outlook],
    [percent ?? "Catching up", outlook],
  ].map((parts) => parts.filter((part) => part !== undefined).join("  "));
}

/** A length of time in its two largest units: `2h 10m`. */
export function formatTimeLeft(ms: number): string {
  if (ms < MINUTE_MS) return `${Math.ceil(ms / 1000)}s`;
  if (ms < HOUR_MS) {
    const seconds = Math.floor(ms % MINUTE_MS / 1000);
    return `${Math.floor(ms / MINUTE_MS)}m ${seconds}s`;
  }
  if (ms < DAY_MS) return `${Math.floor(ms / HOUR_MS)}h ${Math.floor(ms % HOUR_MS / MINUTE_MS)}m`;
  return `${group(Math.floor(ms / DAY_MS))}d ${Math.floor(ms % DAY_MS / HOUR_MS)}h`;
}

/** What is still to come: the wait for a peer that is away, or the time that is left. */
function formatOutlook({ leftMs, trouble }: Progress, nowMs: number): string | undefined {
  if (trouble !== undefined) {
    const waitMs = Math.max(trouble.nextTryMs - nowMs, 0);
    return `waiting for ${PEERS[trouble.peer]}, next try in ${formatTimeLeft(waitMs)}`;
  }
  return leftMs === undefined ? undefined : `${formatTimeLeft(leftMs)} left`;
}

/** Thousands apart, without regard to the place: logs are read everywhere. */
function group(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}
