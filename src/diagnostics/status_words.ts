/** Numbers and times as a person reads them on the status page. */
import { type Markup, markup } from "./markup.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** "1,234,567". */
export function formatCount(count: number): string {
  return String(count).replaceAll(/\B(?=(\d{3})+$)/g, ",");
}

/** "1 event", "12 events". */
export function formatNumberOf(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** A length of time in its one or two largest units: "8 s", "5 min", "3 h 20 min", "12 days". */
export function formatSpan(ms: number): string {
  if (ms < MINUTE_MS) return `${Math.max(Math.floor(ms / 1000), 0)} s`;
  if (ms < HOUR_MS) return `${Math.floor(ms / MINUTE_MS)} min`;
  if (ms < 2 * DAY_MS) {
    const minutes = Math.floor(ms % HOUR_MS / MINUTE_MS);
    return `${Math.floor(ms / HOUR_MS)} h${minutes === 0 ? "" : ` ${minutes} min`}`;
  }
  return `${formatCount(Math.floor(ms / DAY_MS))} days`;
}

/** How long something took place before `nowMs`: "just now", "5 min ago". */
export function formatAgo(atMs: number, nowMs: number): string {
  const agoMs = nowMs - atMs;
  return agoMs < 1000 ? "just now" : `${formatSpan(agoMs)} ago`;
}

/** A time in UTC to the second; a number that is no time is said to be unknown. */
export function formatTime(ms: number): Markup {
  const iso = toIso(ms);
  if (iso === undefined) return markup`unknown time`;
  const [day, clock] = [iso.slice(0, 10), iso.slice(11, 19)];
  return markup`<time datetime="${iso}"><span>${day}</span> <span>${clock} UTC</span></time>`;
}

/** The day of a time, where the hour does not matter. */
export function formatDay(ms: number): Markup {
  const iso = toIso(ms);
  if (iso === undefined) return markup`unknown day`;
  return markup`<time datetime="${iso}"><span>${iso.slice(0, 10)}</span></time>`;
}

function toIso(ms: number): string | undefined {
  const time = new Date(ms);
  return isNaN(time.getTime()) ? undefined : time.toISOString();
}
