import { type Finding, ok } from "../core/finding.ts";
import type { LogPosition } from "./log_position.ts";

const UNITS: readonly (readonly [name: string, ms: number])[] = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1000],
];

/** Says where the audit log goes on, and how far that is behind the present. */
export function describeLogPosition(position: LogPosition, nowMs: number): Finding {
  const { fromMs, startMs } = position;
  return ok(`Goes on from ${formatTime(fromMs)}, ${formatLag(nowMs - fromMs)}`, {
    details: [`The first run began at ${formatTime(startMs)}`],
  });
}

/** "3 days behind", "now". */
function formatLag(lagMs: number): string {
  const [name, ms] = UNITS.find(([, ms]) => lagMs >= ms) ?? ["", 1];
  if (name === "") return lagMs < -1000 ? "which the clock here has yet to reach" : "now";
  const count = Math.floor(lagMs / ms);
  return `${count} ${name}${count === 1 ? "" : "s"} behind`;
}

function formatTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}
