/** The events of the demo: what lies in the log from the start, and what happens while it runs. */
import { buildEvent, buildEvents, EVENT_TYPES, type FakeEvent } from "../support/events.ts";

/** Something that happens while the demo runs. */
export interface Happening {
  /** What a person would say of it. */
  readonly what: string;
  /** Makes the event, which happens at `timeMs`. */
  readonly event: (timeMs: number) => FakeEvent;
}

const DAY_MS = 86_400_000;
const SESSION = "5e551015-0000-4000-a000-0000000ca11e";

/** Time from which the demo exports. */
export function startOfDemo(nowMs: number): number {
  return Math.floor((nowMs - 3 * DAY_MS) / 1000) * 1000;
}

/** Events of the last days, the youngest a day old. */
export function pastEvents(nowMs: number): FakeEvent[] {
  return buildEvents({
    count: 16,
    seed: 7,
    startMs: startOfDemo(nowMs) + 60_000,
    spanMs: 2 * DAY_MS - 120_000,
    // A session.upload would make the handler ask for a recording, which this server has none of.
    types: EVENT_TYPES.filter((type) => type !== "session.upload"),
  });
}

/** What happens while everything runs. */
export const LIVE: readonly Happening[] = [
  {
    what: "mallory mistypes a password",
    event: (timeMs) => login(timeMs, "mallory@example.com", false),
  },
  { what: "alice logs in", event: (timeMs) => login(timeMs, "alice@example.com", true) },
  {
    what: "alice opens a session on db-7",
    event: (timeMs) => session(timeMs, "session.start", { server_hostname: "db-7" }),
  },
  {
    what: "alice runs a command",
    event: (timeMs) => session(timeMs, "exec", { command: 'grep "Grüße 🗝" /var/log/app.log' }),
  },
];

/** What happens while Fluentd is away. */
export const DURING_OUTAGE: Happening = {
  what: "alice ends the session",
  event: (timeMs) => session(timeMs, "session.end", { interactive: true }),
};

function login(timeMs: number, user: string, success: boolean): FakeEvent {
  return buildEvent({ type: "user.login", timeMs, fields: { user, success } });
}

function session(timeMs: number, type: string, fields: FakeEvent["fields"]): FakeEvent {
  return buildEvent({
    type,
    timeMs,
    fields: { user: "alice@example.com", sid: SESSION, ...fields },
  });
}
