const DAY_MS = 24 * 60 * 60 * 1000;

/** The UTC date of a time, as in `2026-01-31`; dates in this form compare as texts. */
export function toUtcDate(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10);
}

/** The date so many days later. */
export function addDays(date: string, days: number): string {
  return toUtcDate(Date.parse(date) + days * DAY_MS);
}
