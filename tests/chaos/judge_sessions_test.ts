import assert from "node:assert/strict";
import { judgeSessions, type SessionEvidence } from "./judge_sessions.ts";
import { canonicalJson } from "./known_event.ts";

const EVENTS = [0, 1, 2].map((ei) => ({ ei, event: "print", data: `line ${ei}` }));

/** What is known after these events of the recording `a` arrived; another one, `b`, is not there. */
function evidence(
  arrived: readonly Record<string, unknown>[],
  changes: Partial<SessionEvidence> = {},
): SessionEvidence {
  return {
    sessions: [
      { sid: "a", keys: EVENTS.map(canonicalJson), isMissing: false },
      { sid: "b", keys: [], isMissing: true },
    ],
    journal: { arrivals: arrived.map((fields) => at("/session.a.log", fields)), requests: [] },
    quarantined: [],
    pathOf: (sid) => `/session.${sid}.log`,
    logPath: "/log",
    ...changes,
  };
}

function at(path: string, fields: Record<string, unknown>) {
  return { path, fields };
}

/** The whole recording, and this besides. */
function besides(path: string, fields: Record<string, unknown>): SessionEvidence {
  const { journal, ...rest } = evidence(EVENTS);
  return { ...rest, journal: { ...journal, arrivals: [...journal.arrivals, at(path, fields)] } };
}

function kept(stream: string, event: object | undefined) {
  const key = event === undefined ? undefined : canonicalJson(event);
  return { quarantined: [{ stream, id: "x", reason: "400", key }] };
}

function problemsOf(evidence: SessionEvidence): string {
  return judgeSessions(evidence).join("; ");
}

Deno.test("judgeSessions() is content with each event once or more, in order, and with one in quarantine", () => {
  assert.equal(problemsOf(evidence(EVENTS)), "");
  assert.equal(problemsOf(evidence([EVENTS[0]!, EVENTS[1]!, EVENTS[0]!, ...EVENTS])), "");
  const [first, second, last] = EVENTS;
  assert.equal(problemsOf(evidence([first!, last!], kept("session/a", second))), "");
  assert.equal(problemsOf(besides("/log", { uid: "of the log" })), "");
});

Deno.test("judgeSessions() finds an event that is missing, or out of order", () => {
  assert.match(problemsOf(evidence(EVENTS.slice(0, 2))), /Of the 3 events .* a 2 arrived/);
  assert.match(problemsOf(evidence(EVENTS.slice(1))), /Of the 3 events .* a 2 arrived/);
  assert.match(problemsOf(evidence(EVENTS.toReversed())), /order was not kept .* a: 2,1,0/);
});

Deno.test("judgeSessions() lets an event come late that was refused on its own", () => {
  const [first, second, last] = EVENTS;
  const { journal, ...rest } = evidence([second!, last!, first!]);
  const post = { path: "/session.a.log", atMs: 0 };
  const refused = { ...post, events: [first!], status: 400 };
  assert.equal(problemsOf({ ...rest, journal: { ...journal, requests: [refused] } }), "");
  const together = { ...post, events: [first!, second!], status: 400 };
  assert.match(
    problemsOf({ ...rest, journal: { ...journal, requests: [together] } }),
    /order was not kept/,
  );
});

Deno.test("judgeSessions() finds an event of a recording that was changed, with its index kept", () => {
  const changed = EVENTS.map((event) => event.ei === 1 ? { ...event, data: "CHANGED" } : event);
  assert.match(
    problemsOf(evidence(changed)),
    /unknown or changed event of the recording a arrived/,
  );
  assert.match(
    problemsOf(evidence([...EVENTS, { ei: 3, event: "print" }])),
    /unknown or changed event of the recording a arrived: .*"ei":3/,
  );
});

Deno.test("judgeSessions() finds an event in quarantine that was changed, is unknown or is of no recording", () => {
  const changed = { ...EVENTS[1]!, data: "CHANGED" };
  const two = [EVENTS[0]!, EVENTS[2]!];
  for (const what of [changed, undefined]) {
    assert.match(problemsOf(evidence(two, kept("session/a", what))), /changed .* in quarantine: x/);
  }
  assert.match(
    problemsOf(evidence(EVENTS, kept("session/never", EVENTS[0]))),
    /unknown recording session\/never lies in quarantine/,
  );
});

Deno.test("judgeSessions() finds a recording that is not there, never was, or another path", () => {
  assert.match(problemsOf(besides("/session.b.log", { ei: 0 })), /b is not there and arrived/);
  for (const path of ["/session.never.log", "/elsewhere"]) {
    assert.match(problemsOf(besides(path, { ei: 0 })), /arrived at the unknown path \//);
  }
  const request = { path: "/elsewhere", atMs: 0, status: 404, events: [] };
  const { journal: { arrivals }, ...rest } = evidence(EVENTS);
  assert.match(
    problemsOf({ ...rest, journal: { arrivals, requests: [request] } }),
    /request was sent to the unknown path \/elsewhere/,
  );
});
