import assert from "node:assert/strict";
import type { ArrivedRequest } from "./chaos_receiver.ts";
import { type Evidence, judgeLog } from "./judge_log.ts";
import { canonicalJson, type KnownEvent } from "./known_event.ts";

const EVENTS = ["a", "b", "c", "d"].map((uid, place): KnownEvent => {
  const text = JSON.stringify({ uid, n: place });
  return {
    key: canonicalJson(JSON.parse(text)),
    id: uid,
    type: "exec",
    timeMs: place,
    stream: "log",
    place,
    bytes: text.length,
    isLate: false,
    text,
  };
});

interface RequestOptions {
  readonly status?: number | undefined;
  readonly take?: boolean;
  readonly body?: string;
}

/** What is known after these requests, each a list of ids, one a second. */
function evidence(
  requests: readonly (readonly [ids: string, options?: RequestOptions])[],
  changes: Partial<Evidence> = {},
): Evidence {
  const arrivals: { path: string; fields: Record<string, unknown>; request: number }[] = [];
  const posts = requests.map(([ids, options = {}], request): ArrivedRequest => {
    const texts = [...ids].map((id) => EVENTS.find((event) => event.id === id)!.text!);
    const events = texts.map((text) => JSON.parse(text));
    const { body, status, take } = { status: 200, ...options };
    if (take ?? status === 200) {
      for (const fields of events) arrivals.push({ path: "/log", fields, request });
    }
    const text = texts.length === 1 ? texts[0]! : `[${texts.join(",")}]`;
    return {
      path: "/log",
      atMs: request * 1000,
      answeredAtMs: status === undefined ? undefined : request * 1000 + 5,
      status,
      events,
      body: new TextEncoder().encode(body ?? text),
    };
  });
  return {
    wanted: EVENTS,
    unwanted: new Set(),
    journal: { arrivals, requests: posts, violations: [] },
    quarantined: [],
    breaks: [],
    cutsMs: [],
    batchEvents: 2,
    maxRepeats: 1,
    maxBytes: Infinity,
    modeChanges: 0,
    terminateMayRepeat: false,
    logPath: "/log",
    ...changes,
  };
}

function problemsOf(evidence: Evidence): string {
  return judgeLog(evidence).problems.join("; ");
}

Deno.test("judgeLog() is content with every event once, in order", () => {
  assert.deepEqual(judgeLog(evidence([["ab"], ["cd"]])), { problems: [], repeats: 0 });
});

Deno.test("judgeLog() finds an event that is missing", () => {
  assert.match(problemsOf(evidence([["ab"], ["d"]])), /1 events are missing: c /);
});

Deno.test("judgeLog() takes an event in quarantine for one that is there, if it was refused alone", () => {
  const kept = (id: string) => [
    { stream: "log", id, reason: "400", key: EVENTS[2]!.key },
  ];
  const refused = evidence([["ab"], ["c", { status: 400 }], ["d"]], { quarantined: kept("c") });
  assert.equal(problemsOf(refused), "");
  const innocent = evidence([["ab"], ["d"]], { quarantined: kept("c") });
  assert.match(problemsOf(innocent), /c lies in quarantine for no reason/);
});

Deno.test("judgeLog() finds an event in quarantine that does not exist, or was changed", () => {
  const kept = (id: string, key: string | undefined) => ({
    quarantined: [{ stream: "log", id, reason: "400", key }],
  });
  const all = [["ab"], ["cd"]] as const;
  for (const key of [canonicalJson({ uid: "c", n: 9 }), canonicalJson({ uid: "x" })]) {
    const found = evidence(all, kept("c", key));
    assert.match(problemsOf(found), /unknown or changed event lies in quarantine: c/);
    const journal = { ...found.journal, requests: undefined };
    assert.match(problemsOf({ ...found, journal }), /unknown or changed event lies in quarantine/);
  }
  assert.match(problemsOf(evidence(all, kept("x", undefined))), /lies in quarantine: x/);
  assert.equal(problemsOf(evidence([["ab"], ["d"]], kept("c", undefined))), "");
});

Deno.test("judgeLog() finds an innocent event of a recording in quarantine", () => {
  const quarantined = [
    { stream: "session/s", id: "e", reason: "400", key: canonicalJson({ ei: 0 }) },
  ];
  const found = evidence([["ab"], ["cd"]], { quarantined });
  assert.match(problemsOf(found), /Event e lies in quarantine for no reason/);
  const refusal = { path: "/session.s.log", atMs: 9000, status: 400, events: [{ ei: 0 }] };
  const requests = [...found.journal.requests!, refusal];
  assert.equal(problemsOf({ ...found, journal: { ...found.journal, requests } }), "");
});

Deno.test("judgeLog() finds an event that does not exist, or was changed", () => {
  const changed = evidence([["ab"], ["cd"]]);
  const arrivals = [...changed.journal.arrivals, { path: "/log", fields: { uid: "a", n: 9 } }];
  assert.match(
    problemsOf({ ...changed, journal: { ...changed.journal, arrivals, requests: undefined } }),
    /unknown or changed event arrived/,
  );
});

Deno.test("judgeLog() finds a body that holds the right values in other bytes", () => {
  const body = '[{"uid":"a", "n":0},{"uid":"b","n":1}]';
  assert.match(problemsOf(evidence([["ab", { body }], ["cd"]])), /not what the server sent/);
});

Deno.test("judgeLog() finds events out of order, unless one entered the log late", () => {
  assert.match(problemsOf(evidence([["ac"], ["bd"]])), /order was not kept in log: b came after c/);
  const wanted = EVENTS.map((event) => event.id === "b" ? { ...event, isLate: true } : event);
  assert.equal(problemsOf(evidence([["ac"], ["bd"]], { wanted })), "");
});

Deno.test("judgeLog() excuses a repeat of what was taken without an answer, and no other", () => {
  const unheard = evidence([["ab", { status: undefined, take: true }], ["ab"], ["cd"]]);
  assert.deepEqual(judgeLog(unheard), { problems: [], repeats: 2 });
  assert.match(problemsOf(evidence([["ab"], ["ab"], ["cd"]])), /repeated for no reason/);
});

Deno.test("judgeLog() excuses a repeat after the connection was left at once, unless the program was stopped", () => {
  const left = evidence([["ab"], ["ab"], ["cd"]]);
  const [first, ...rest] = left.journal.requests!;
  const requests = [{ ...first!, closedAtMs: first!.answeredAtMs! + 10 }, ...rest];
  const journal = { ...left.journal, requests };
  assert.equal(problemsOf({ ...left, journal }), "");
  const breaks = [{ atMs: requests[0]!.closedAtMs! + 100, kind: "terminate" }] as const;
  assert.match(problemsOf({ ...left, journal, breaks }), /for no reason/);
});

Deno.test("judgeLog() excuses the events of two requests before a kill, and not those of a third", () => {
  const kill = { atMs: 2500, kind: "kill" } as const;
  const two = evidence([["a"], ["b"], ["cd"], ["cd"]], { breaks: [kill] });
  assert.equal(problemsOf(two), "");
  const three = evidence([["ab"], ["c"], ["d"], ["abcd"]], { batchEvents: 1, breaks: [kill] });
  assert.match(problemsOf(three), /Event a .* repeated for no reason/);
});

Deno.test("judgeLog() excuses what lay in the connection when the program was killed, and nothing later", () => {
  const killedAt = (atMs: number) =>
    problemsOf(evidence([["ab"], ["cd"], ["cd"]], { breaks: [{ atMs, kind: "kill" }] }));
  assert.equal(killedAt(950), "");
  assert.match(killedAt(850), /repeated for no reason/);
});

Deno.test("judgeLog() excuses a repeat that was sent before a kill and taken after what repeats it", () => {
  const { journal, ...rest } = evidence(
    [["ab", { status: undefined, take: true }], ["ab"], ["cd"]],
    { breaks: [{ atMs: 500, kind: "kill" }] },
  );
  const [slow = [], repeat = [], last = []] = Map.groupBy(journal.arrivals, (a) => a.request)
    .values();
  const arrivals = [...repeat, ...slow, ...last];
  assert.equal(problemsOf({ ...rest, journal: { ...journal, arrivals } }), "");
});

Deno.test("judgeLog() excuses no repeat after SIGTERM", () => {
  const breaks = [{ atMs: 1500, kind: "terminate" }] as const;
  assert.match(problemsOf(evidence([["ab"], ["cd"], ["cd"]], { breaks })), /for no reason/);
});

Deno.test("judgeLog() counts repeats where the receiver does not know its requests", () => {
  const { journal, ...rest } = evidence([["ab"], ["b"], ["cd"]]);
  const unknown = { ...journal, requests: undefined };
  assert.deepEqual(judgeLog({ ...rest, journal: unknown }), { problems: [], repeats: 1 });
  assert.match(
    problemsOf({ ...rest, journal: unknown, maxRepeats: 0 }),
    /1 events were repeated, and at most 0 may be/,
  );
});
