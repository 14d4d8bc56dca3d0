import assert from "node:assert/strict";
import { Code, ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { Fault } from "../../src/core/fault.ts";
import { encodeLogPosition } from "../../src/teleport/log_position.ts";
import {
  findPositionAfter,
  type LogSearchOptions,
  SEARCH_DAYS,
} from "../../src/teleport/log_search.ts";
import { LogStream } from "../../src/teleport/log_stream.ts";
import { AuditLog } from "../support/audit_log.ts";
import { buildEvent, buildEvents, FIRST_EVENT_MS } from "../support/events.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { LogClient } from "../support/log_client.ts";

const NEVER = new AbortController().signal;
const DAY_MS = 86_400_000;
const NOW_MS = FIRST_EVENT_MS + 5 * DAY_MS;

function search(log: AuditLog, id: string, startMs?: number) {
  const client = new LogClient(log);
  const auditLog = client as unknown as LogSearchOptions["auditLog"];
  return { client, found: findPositionAfter({ auditLog, id, startMs, nowMs: NOW_MS }, NEVER) };
}

/** Ids that the log stream reads from the position after `id`. */
async function readAfter(log: AuditLog, id: string, startMs?: number): Promise<string[]> {
  const position = await search(log, id, startMs).found;
  assert.ok(position !== undefined);
  const stream = new LogStream({
    auditLog: new LogClient(log) as unknown as LogSearchOptions["auditLog"],
    clock: new FakeClock(NOW_MS),
    types: [],
    windowMs: DAY_MS,
    pollMs: 1000,
    lookbackMs: 0,
    endWhenCaughtUp: true,
    stallMs: 300_000,
    onStalled: assert.fail,
    onMoving: () => assert.fail(),
    onPassedOver: assert.fail,
  });
  const ids: string[] = [];
  for await (const page of stream.read(encodeLogPosition(position), NEVER)) {
    ids.push(...page.events.map((event) => event.id));
  }
  return ids;
}

Deno.test("findPositionAfter() finds the position from which exactly the events after it follow", async () => {
  const log = new AuditLog();
  log.append(buildEvents({ count: 60, spanMs: 3 * DAY_MS }));
  for (const index of [0, 1, 30, 58, 59]) {
    const ids = log.events.map((event) => event.id);
    assert.deepEqual(await readAfter(log, ids[index]!), ids.slice(index + 1));
  }
});

Deno.test("findPositionAfter() finds its place among many events of one second, over pages of any size", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        count: fc.integer({ min: 1, max: 80 }),
        sameTime: fc.integer({ min: 1, max: 80 }),
        spanMs: fc.integer({ min: 0, max: 5000 }),
        maxPageBytes: fc.integer({ min: 1, max: 20_000 }),
        seed: fc.integer({ min: 1 }),
      }),
      fc.nat(79),
      async ({ maxPageBytes, ...options }, pick) => {
        const log = new AuditLog({ maxPageBytes });
        log.append(buildEvents(options));
        const ids = log.events.map((event) => event.id);
        const index = pick % ids.length;
        assert.deepEqual(await readAfter(log, ids[index]!), ids.slice(index + 1));
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("findPositionAfter() finds an event behind more than a page of events of its second", async () => {
  const log = new AuditLog();
  log.append(buildEvents({ count: 1300, sameTime: 1300, types: ["exec"] }));
  const ids = log.events.map((event) => event.id);
  for (const index of [0, 499, 500, 501, 1299]) {
    assert.deepEqual(await readAfter(log, ids[index]!), ids.slice(index + 1));
  }
});

Deno.test("findPositionAfter() finds an event of whatever type", async () => {
  const log = new AuditLog();
  log.append([buildEvent({ id: "odd", type: "never.heard.of" }), ...buildEvents({ count: 3 })]);
  assert.ok(await search(log, "odd").found);
});

Deno.test("findPositionAfter() returns undefined when there is no such event", async () => {
  const log = new AuditLog();
  assert.equal(await search(log, "nowhere").found, undefined);
  log.append(buildEvents({ count: 1500, spanMs: DAY_MS }));
  assert.equal(await search(log, "nowhere").found, undefined);
  assert.equal(await search(log, "").found, undefined);
});

Deno.test("findPositionAfter() looks from the newest back, and stops when it has found it", async () => {
  const log = new AuditLog();
  log.append(buildEvents({ count: 3000, spanMs: 4 * DAY_MS }));
  const { client, found } = search(log, log.events.at(-1)!.id);
  await found;
  assert.ok(client.queries.length <= 2);
});

Deno.test("findPositionAfter() looks a year back without a start, and to the start with one", async () => {
  const log = new AuditLog();
  const old = buildEvent({ id: "old", timeMs: NOW_MS - (SEARCH_DAYS + 1) * DAY_MS });
  log.append([old, buildEvent({ id: "early", timeMs: FIRST_EVENT_MS - 1 })]);
  assert.equal(await search(log, "old").found, undefined);
  assert.ok(await search(log, "old", old.timeMs).found);
  assert.equal(await search(log, "early", FIRST_EVENT_MS).found, undefined);
});

Deno.test("findPositionAfter() finds an event of a server whose clock is ahead of ours", async () => {
  const log = new AuditLog();
  log.append([buildEvent({ id: "ahead", timeMs: NOW_MS + 3_600_000 })]);
  assert.ok(await search(log, "ahead").found);
});

Deno.test("findPositionAfter() fixes the start that it was given, for the check of later runs", async () => {
  const log = new AuditLog();
  log.append(buildEvents({ count: 3 }));
  const [event] = log.events;
  const startMs = FIRST_EVENT_MS - DAY_MS;
  assert.equal((await search(log, event!.id, startMs).found)!.startMs, startMs);
  const second = Math.floor(event!.timeMs / 1000) * 1000;
  assert.equal((await search(log, event!.id).found)!.startMs, second);
});

Deno.test("findPositionAfter() says in a fault that the server could not be asked", async () => {
  const log = new AuditLog();
  const client = new LogClient(log);
  client.failures.push(new ConnectError("away", Code.Unavailable));
  const auditLog = client as unknown as LogSearchOptions["auditLog"];
  await assert.rejects(
    findPositionAfter({ auditLog, id: "x", startMs: undefined, nowMs: NOW_MS }, NEVER),
    (error) =>
      error instanceof Fault && error.transient &&
      /look for the last event that was sent: away/.test(error.message),
  );
});

Deno.test("findPositionAfter() throws the reason of an abort", async () => {
  const auditLog = new LogClient(new AuditLog()) as unknown as LogSearchOptions["auditLog"];
  const reason = { stop: true };
  await assert.rejects(
    findPositionAfter({ auditLog, id: "x", startMs: 0, nowMs: NOW_MS }, AbortSignal.abort(reason)),
    (error: unknown) => error === reason,
  );
});
