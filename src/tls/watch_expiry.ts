import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { CredentialBook, CredentialInUse } from "./credential_book.ts";

/** Whose ends are watched, and who is told. */
export interface WatchExpiryOptions {
  readonly book: CredentialBook;
  readonly clock: Clock;
  readonly logger: Logger;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Shares of a lifetime that are left when it is time for a warning. */
const SHARES = [0.25, 0.1];

/**
 * Warns of credentials that are about to end, until `signal` is aborted: when a quarter and when a
 * tenth of the lifetime is left, one hour before the end unless that is more than a quarter, at the
 * end, and each hour from then on. One that is late already is told of at once.
 */
export async function watchExpiry(
  { book, clock, logger }: WatchExpiryOptions,
  signal: AbortSignal,
): Promise<void> {
  let told = new Map<string, number>();
  while (!signal.aborted) {
    const nowMs = clock.nowMs();
    const before = told;
    told = new Map();
    let pauseMs = MINUTE_MS; // The wall clock may jump, and new credentials may come.
    for (const credential of book.inUse()) {
      const { name, notAfterMs, subject } = credential;
      const key = `${name} ${notAfterMs} ${subject}`;
      const { passed, nextMs } = countWarnings(credential, nowMs);
      if (passed > (before.get(key) ?? 0)) warn(credential, nowMs, logger);
      told.set(key, passed);
      pauseMs = Math.min(pauseMs, nextMs - nowMs);
    }
    await clock.sleep(pauseMs, signal).catch(() => {});
  }
}

/** How many moments for a warning have passed, and when the next one is. */
function countWarnings(
  { notAfterMs, notBeforeMs }: CredentialInUse,
  nowMs: number,
): { readonly passed: number; readonly nextMs: number } {
  if (nowMs >= notAfterMs) {
    const hours = Math.floor((nowMs - notAfterMs) / HOUR_MS) + 1;
    return { passed: SHARES.length + 1 + hours, nextMs: notAfterMs + hours * HOUR_MS };
  }
  const times = SHARES.map((share) => notAfterMs - share * (notAfterMs - notBeforeMs));
  const lastHourMs = notAfterMs - HOUR_MS;
  if (lastHourMs >= times[0]!) times.push(lastHourMs);
  return {
    passed: times.filter((ms) => ms <= nowMs).length,
    nextMs: Math.min(...[...times, notAfterMs].filter((ms) => ms > nowMs)),
  };
}

function warn(credential: CredentialInUse, nowMs: number, logger: Logger): void {
  const { notAfterMs, path, renewal, subject, title } = credential;
  const fields = { subject, path, until: new Date(notAfterMs).toISOString() };
  if (notAfterMs <= nowMs) logger.error(`${title} has expired. ${renewal}`, fields);
  else logger.warning(`${title} ends in ${formatLeft(notAfterMs - nowMs)}. ${renewal}`, fields);
}

function formatLeft(ms: number): string {
  if (ms < MINUTE_MS) return "less than a minute";
  const [count, unit] = ms >= 2 * DAY_MS
    ? [ms / DAY_MS, "day"]
    : ms >= 2 * HOUR_MS
    ? [ms / HOUR_MS, "hour"]
    : [ms / MINUTE_MS, "minute"];
  const whole = Math.floor(count);
  return `${whole} ${unit}${whole === 1 ? "" : "s"}`;
}
