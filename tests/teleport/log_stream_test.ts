import assert from "node:assert/strict";
import { Code, ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { Fault } from "../../src/core/fault.ts";
import type { Position } from "../../src/core/position.ts";
import type { Page } from "../../src/pipeline/ports.ts";
import { encodeLogPosition, startOfLog } from "../../src/teleport/log_position.ts";
import { LogStream, type LogStreamOptions } from "../../src/teleport/log_stream.ts";
import { AuditLog } from "../support/audit_log.ts";
import { buildEvent, buildEvents, FIRST_EVENT_MS } from "../support/events.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { LogClient } from "../support/log_client.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const START = encodeLogPosition(startOfLog(FIRST_EVENT_MS));

function openStream(log: AuditLog, options: Partial<LogStreamOptions> = {}) {
  const client = new LogClient(log);
  const stream = new LogStream({
    auditLog: client as unknown as LogStreamOptions["auditLog"],
    clock: new FakeClock(FIRST_EVENT_MS + 5 * DAY_MS),
    types: [],
    windowMs: DAY_MS,
    pollMs: 5000,
    lookbackMs: 0,
    endWhenCaughtUp: true,
    stallMs: 300_000,
    onStalled: assert.fail,
    onMoving: () => assert.fail(),
    onPassedOver: assert.fail,
    ...options,
  });
  return { stream, client };
}

async function readAll(stream: LogStream, position: Position = START) {
  const pages: Page[] = [];
  for await (const page of stream.read(position, new AbortController().signal)) pages.push(page);
  return { pages, ids: pages.flatMap((page) => page.events.map((event) => event.id)) };
}

Deno.test("LogStream.read() returns every event once and in order", async () => {
  const log = new AuditLog();
  log.append(buildEvents({ count: 3000, spanMs: 4 * DAY_MS }));
  const { ids } = await readAll(openStream(log).stream);
  assert.deepEqual(ids, log.events.map((event) => event.id));
});

Deno.test("LogStream.read() asks for twice as many events while pages are full, up to 500", async () => {
  const log = new AuditLog();
  log.append(buildEvents({ count: 2000, spanMs: HOUR_MS }));
  const { stream, client } = openStream(log);
  await readAll(stream);
  assert.deepEqual(client.queries.slice(0, 7).map((query) => query.limit), [
    20,
    40,
    80,
    160,
    320,
    500,
    500,
  ]);
});

Deno.test("LogStream.read() asks for as many events as it was told to", async () => {
  const log = new AuditLog();
  log.append(buildEvents({ count: 200, spanMs: HOUR_MS }));
  const { stream, client } = openStream(log, { pageSize: 33 });
  await readAll(stream);
  assert.ok(client.queries.every((query) => query.limit === 33 || query.limit === 1));
});

/** A log of three pages of ten, of which the first two are read. */
async function readTwoPages(prepare: (client: LogClient) => void = () => {}) {
  const log = new AuditLog();
  log.append(buildEvents({ count: 30, spanMs: HOUR_MS }));
  const { stream, client } = openStream(log, { pageSize: 10 });
  prepare(client);
  const stop = new AbortController();
  const pages = stream.read(START, stop.signal);
  const askedKeys = () => client.queries.map(({ startKey }) => startKey);
  await pages.next();
  assert.deepEqual(askedKeys(), [""], "asked for the second page before anybody wanted it");
  await pages.next();
  const [, second, third, ...others] = askedKeys();
  assert.ok(second !== "" && third !== undefined && third !== second && others.length === 0);
  return { client, stop, pages, third };
}

Deno.test("LogStream.read() has asked for the third page when it gives the second one", async () => {
  const { client, pages } = await readTwoPages();
  const { value } = await pages.next();
  assert.equal(value!.events.length, 10);
  assert.equal(client.queries.length, 3);
});

Deno.test("LogStream.read() takes back the call for the next page when it is stopped or left", async () => {
  const stopped = await readTwoPages((client) => client.answers = 2);
  const next = stopped.pages.next();
  stopped.stop.abort("stopped");
  await assert.rejects(next, (reason) => reason === "stopped");
  const left = await readTwoPages((client) => client.answers = 2);
  await left.pages.return(undefined);
  for (const { client } of [stopped, left]) {
    assert.equal(client.queries.length, 3);
    assert.ok(client.signals[2]!.aborted);
  }
});

Deno.test("LogStream.read() asks again for a page that failed while the one before was handled", async () => {
  const failure = new ConnectError("reset", Code.Unavailable);
  const once = await readTwoPages(({ failures }) => failures.push(undefined, undefined, failure));
  const { value } = await once.pages.next();
  assert.equal(value!.events.length, 10);
  assert.equal(once.client.queries.at(-1)!.startKey, once.third);
  const twice = await readTwoPages(({ failures }) =>
    failures.push(undefined, undefined, failure, failure)
  );
  await assert.rejects(
    twice.pages.next(),
    (error) => error instanceof Fault && error.kind === "unavailable",
  );
});

Deno.test("LogStream.read() never carries a cursor into another window", async () => {
  const log = new AuditLog({ staleCursor: "error" });
  log.append(buildEvents({ count: 500, spanMs: 4 * DAY_MS }));
  const { stream, client } = openStream(log);
  await readAll(stream);
  let window = "";
  for (const query of client.queries) {
    const next = `${query.startMs} ${query.endMs}`;
    if (next !== window) assert.equal(query.startKey, "");
    window = next;
  }
});

Deno.test("LogStream.read() takes an event on the boundary of two windows once", async () => {
  const log = new AuditLog();
  log.append([
    buildEvent({ timeMs: FIRST_EVENT_MS + DAY_MS }),
    buildEvent({ timeMs: FIRST_EVENT_MS + 2 * DAY_MS }),
  ]);
  const { ids } = await readAll(openStream(log).stream);
  assert.equal(ids.length, 2);
});

Deno.test("LogStream.read() resumes after any event of a page without a gap or a repeat", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        count: fc.integer({ min: 1, max: 120 }),
        sameTime: fc.integer({ min: 1, max: 40 }),
        seed: fc.nat(),
      }),
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 50 }),
      fc.nat(),
      async (events, firstPageSize, secondPageSize, cut) => {
        const log = new AuditLog();
        log.append(buildEvents({ ...events, spanMs: 2 * DAY_MS }));
        const expected = log.events.map((event) => event.id);
        const { pages } = await readAll(openStream(log, { pageSize: firstPageSize }).stream);
        const index = cut % expected.length;
        let before = 0;
        const page = pages.find((page) => (before += page.events.length) > index)!;
        const inPage = index - (before - page.events.length);
        const stored = JSON.parse(JSON.stringify(page.positionAfter(inPage)));
        const resumed = await readAll(openStream(log, { pageSize: secondPageSize }).stream, stored);
        assert.deepEqual(resumed.ids, expected.slice(index + 1));
      },
    ),
    { numRuns: 100 },
  );
});

Deno.test("LogStream.read() resumes after each whole page without a gap or a repeat", async () => {
  const log = new AuditLog();
  log.append(buildEvents({ count: 300, sameTime: 7, spanMs: 3 * DAY_MS }));
  const { pages, ids } = await readAll(openStream(log, { pageSize: 11 }).stream);
  let seen = 0;
  for (const page of pages) {
    seen += page.events.length;
    const resumed = await readAll(openStream(log).stream, page.position);
    assert.deepEqual(resumed.ids, ids.slice(seen));
  }
});

Deno.test("LogStream.read() looks for news after each poll interval and returns each event once", async () => {
  const log = new AuditLog();
  const clock = new FakeClock(FIRST_EVENT_MS + HOUR_MS);
  const { stream } = openStream(log, { clock, endWhenCaughtUp: false });
  const stop = new AbortController();
  const reading = stream.read(START, stop.signal)[Symbol.asyncIterator]();
  const first = buildEvent({ timeMs: clock.nowMs() - 1000 });
  log.append([first]);
  assert.deepEqual((await reading.next()).value.events.map((e: { id: string }) => e.id), [
    first.id,
  ]);
  // The same second again, and one later.
  const second = buildEvent({ timeMs: first.timeMs });
  log.append([second]);
  let next = reading.next();
  await clock.waitForSleepers();
  assert.equal(clock.nextWakeMs, 5000);
  await clock.advance(5000);
  assert.deepEqual((await next).value.events.map((e: { id: string }) => e.id), [second.id]);
  next = reading.next();
  await clock.waitForSleepers();
  await clock.advance(5000);
  assert.deepEqual((await next).value.events, []);
  next = reading.next();
  stop.abort(new Error("stopped"));
  await assert.rejects(next, /stopped/);
});

for (const jumpMs of [-HOUR_MS, HOUR_MS]) {
  Deno.test(`LogStream.read() neither skips nor repeats events when the clock jumps ${jumpMs / HOUR_MS} h`, async () => {
    const log = new AuditLog();
    const clock = new FakeClock(FIRST_EVENT_MS + 3 * DAY_MS);
    log.append(buildEvents({ count: 50, spanMs: 3 * DAY_MS - 1000 }));
    const { stream } = openStream(log, { clock, endWhenCaughtUp: false });
    const stop = new AbortController();
    const ids: string[] = [];
    const polls: Promise<void>[] = [];
    let trueMs = clock.nowMs();
    clock.jump(jumpMs);
    for await (const page of stream.read(START, stop.signal)) {
      ids.push(...page.events.map((event) => event.id));
      if (page.backlog) continue;
      if (log.events.length === 80) break;
      trueMs += 5000;
      log.append([buildEvent({ timeMs: trueMs })]);
      polls.push(clock.waitForSleepers().then(() => clock.advance(5000)));
    }
    await Promise.all(polls);
    const expected = log.events.map((event) => event.id);
    assert.deepEqual(ids, expected.slice(0, ids.length));
    assert.ok(ids.length >= 79);
  });
}

Deno.test("LogStream.read() does not let an event of the future hide those that come before it", async () => {
  const log = new AuditLog();
  const clock = new FakeClock(FIRST_EVENT_MS + HOUR_MS);
  const future = buildEvent({ id: "future", timeMs: clock.nowMs() + HOUR_MS });
  log.append([future]);
  const { stream } = openStream(log, { clock, endWhenCaughtUp: false });
  const ids: string[] = [];
  const polls: Promise<void>[] = [];
  for await (const page of stream.read(START, new AbortController().signal)) {
    ids.push(...page.events.map((event) => event.id));
    if (ids.length === 4) break;
    log.append([buildEvent({ id: `now ${ids.length}`, timeMs: clock.nowMs() })]);
    polls.push(clock.waitForSleepers().then(() => clock.advance(5000)));
  }
  await Promise.all(polls);
  assert.deepEqual(ids, ["future", "now 1", "now 2", "now 3"]);
});

Deno.test("LogStream.read() leaps over years without an event, and misses none after them", async () => {
  const log = new AuditLog();
  log.append(buildEvents({ count: 30, spanMs: 2 * DAY_MS }));
  log.append([buildEvent({ timeMs: FIRST_EVENT_MS - 700 * DAY_MS })]);
  const { stream, client } = openStream(log);
  const start = encodeLogPosition(startOfLog(Date.UTC(2021, 0, 1)));
  const { ids } = await readAll(stream, start);
  assert.deepEqual(ids, log.events.map((event) => event.id));
  assert.ok(client.queries.length < 25, `${client.queries.length} calls`);
});

Deno.test("LogStream.read() reads window by window where the server cannot look further", async () => {
  const log = new AuditLog();
  log.append(buildEvents({ count: 3, spanMs: HOUR_MS }));
  const { stream, client } = openStream(log);
  const read = client.getUnstructuredEvents.bind(client);
  client.getUnstructuredEvents = async (request, options) => {
    if (request.limit === 1) throw new ConnectError("too much", Code.ResourceExhausted);
    return await read(request, options);
  };
  const { ids } = await readAll(stream, encodeLogPosition(startOfLog(FIRST_EVENT_MS - 9 * DAY_MS)));
  assert.equal(ids.length, 3);
});

Deno.test("LogStream.read() passes the wanted types to the server", async () => {
  const log = new AuditLog();
  log.append(buildEvents({ count: 200 }));
  const { stream } = openStream(log, { types: ["user.login", "exec"] });
  const { pages } = await readAll(stream);
  const types = new Set(pages.flatMap((page) => page.events.map((event) => event.type)));
  assert.deepEqual([...types].sort(), ["exec", "user.login"]);
});

Deno.test("LogStream.read() throws an unavailable fault when the connection is lost", async () => {
  const { stream, client } = openStream(new AuditLog());
  client.failures.push(
    new ConnectError("http/2 stream closed with error code CANCEL", Code.Canceled),
  );
  await assert.rejects(
    readAll(stream),
    (error) =>
      error instanceof Fault && error.kind === "unavailable" && error.transient &&
      /connection was lost/.test(error.message),
  );
});

Deno.test("LogStream.read() throws what a server that goes round in circles fails by when its newest event is asked for", async () => {
  const log = new AuditLog();
  log.append(buildEvents({ count: 50, spanMs: HOUR_MS }));
  const { stream, client } = openStream(log, { pageSize: 20 });
  const read = client.getUnstructuredEvents.bind(client);
  client.getUnstructuredEvents = async (request, options) => {
    if (request.limit === 1) throw new ConnectError("not now", Code.Unavailable);
    const page = await read({ ...request, startKey: "" }, options);
    return { ...page, lastKey: "again" };
  };
  await assert.rejects(
    readAll(stream),
    (error) => error instanceof Fault && error.kind === "unavailable",
  );
});

Deno.test("LogStream.read() turns a payload that is no Struct into a defect and goes on", async () => {
  const log = new AuditLog();
  log.append(buildEvents({ count: 3, spanMs: HOUR_MS }));
  const { stream, client } = openStream(log);
  const read = client.getUnstructuredEvents.bind(client);
  client.getUnstructuredEvents = async (request, options) => {
    const page = await read(request, options);
    if (page.items[1] !== undefined) page.items[1].unstructured = new Uint8Array([0x0a, 0xff]);
    return page;
  };
  const { pages } = await readAll(stream);
  const events = pages.flatMap((page) => page.events);
  assert.deepEqual(events.map((event) => event.defect !== undefined), [false, true, false]);
  assert.match(events[1]!.defect!.reason, /not a well-formed Struct/);
});
