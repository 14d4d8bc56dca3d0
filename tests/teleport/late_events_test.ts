import assert from "node:assert/strict";
import { Code, ConnectError } from "@connectrpc/connect";
import { encodeLogPosition, startOfLog } from "../../src/teleport/log_position.ts";
import { LogStream, type LogStreamOptions } from "../../src/teleport/log_stream.ts";
import type { Page } from "../../src/pipeline/ports.ts";
import { AuditLog } from "../support/audit_log.ts";
import { buildEvent, buildEvents, FIRST_EVENT_MS } from "../support/events.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { LogClient } from "../support/log_client.ts";

const MINUTE_MS = 60_000;
const POLL_MS = 5000;
const START = encodeLogPosition(startOfLog(FIRST_EVENT_MS));

/** How far a handler's clock is ahead of the server's, in minutes. */
const CLOCKS = [["right", 0], ["an hour ahead", 60], ["an hour behind", -60]] as const;

/** A log whose newest event is of the present, read by a handler whose clock differs so much. */
function openLog(clockAheadMs: number, pageSize?: number) {
  const presentMs = FIRST_EVENT_MS + 60 * MINUTE_MS;
  const log = new AuditLog();
  log.append([buildEvent({ id: "first", timeMs: presentMs - 1000 })]);
  const client = new LogClient(log);
  const clock = new FakeClock(presentMs + clockAheadMs);
  const stream = new LogStream({
    auditLog: client as unknown as LogStreamOptions["auditLog"],
    clock,
    types: [],
    pageSize,
    windowMs: 24 * 60 * MINUTE_MS,
    pollMs: POLL_MS,
    lookbackMs: 5 * MINUTE_MS,
    endWhenCaughtUp: false,
    stallMs: 300 * MINUTE_MS,
    onStalled: assert.fail,
    onMoving: () => assert.fail(),
    onPassedOver: assert.fail,
  });
  const stop = new AbortController();
  const pages = stream.read(START, stop.signal)[Symbol.asyncIterator]();
  return {
    clock,
    log,
    client,
    pages,
    presentMs,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await pages.return?.(undefined);
    },
  };
}

/** Asks for the next page at the next poll. */
async function poll({ clock, pages }: ReturnType<typeof openLog>): Promise<Page> {
  const next = pages.next();
  await clock.waitForSleepers();
  await clock.advance(POLL_MS);
  return (await next).value;
}

for (const [words, aheadMs] of CLOCKS) {
  Deno.test(`LogStream.read() gives an event that enters the log late, by a clock that is ${words}`, async () => {
    await using opened = openLog(aheadMs * MINUTE_MS);
    const { log, pages, presentMs } = opened;
    const first: Page = (await pages.next()).value;
    assert.deepEqual(first.events.map(({ id }) => id), ["first"]);
    log.append([buildEvent({ id: "late", timeMs: presentMs - 4 * MINUTE_MS })]);
    const second = await poll(opened);
    assert.deepEqual(second.events.map(({ id }) => id), ["late"]);
  });
}

Deno.test("LogStream.read() gives news behind hundreds of pages that are done already", async () => {
  await using opened = openLog(0, 5);
  const { log, pages, presentMs } = opened;
  // All of these are looked at once more at each poll, in 160 pages.
  log.append(buildEvents({ count: 800, startMs: presentMs - 2 * MINUTE_MS, spanMs: MINUTE_MS }));
  assert.equal((await readToEnd(opened, (await pages.next()).value)).length, 801);
  log.append([buildEvent({ id: "new", timeMs: presentMs })]);
  assert.deepEqual(await readToEnd(opened, await poll(opened)), ["new"]);
});

Deno.test("LogStream.read() is at the end where everything was given and the server goes round in circles", async () => {
  await using opened = openLog(0, 5);
  const { client, pages } = opened;
  const read = client.getUnstructuredEvents.bind(client);
  client.getUnstructuredEvents = async (request, options) => ({
    ...await read({ ...request, startKey: "" }, options),
    lastKey: "again",
  });
  assert.deepEqual(await readToEnd(opened, (await pages.next()).value), ["first"]);
});

for (const [words, aheadMs] of CLOCKS) {
  Deno.test(`LogStream.read() gives an event that is late behind a backlog, by a clock that is ${words}`, async () => {
    await using opened = openLog(aheadMs * MINUTE_MS);
    const { log, pages, presentMs } = opened;
    log.append(buildBacklog(presentMs));
    assert.equal((await readToEnd(opened, (await pages.next()).value)).length, 1801);
    log.append([buildEvent({ id: "late", timeMs: presentMs - 4 * MINUTE_MS })]);
    assert.deepEqual(await readToEnd(opened, await poll(opened)), ["late"]);
  });
}

Deno.test("LogStream.read() keeps events of a backlog done for a second, and asks once for the newest one", async () => {
  await using opened = openLog(0);
  const { client, log, pages, presentMs } = opened;
  log.append(buildBacklog(presentMs));
  const doneCounts: number[] = [];
  let page: Page = (await pages.next()).value;
  for (; page.backlog; page = (await pages.next()).value) {
    const { done, from } = page.position as { readonly done: unknown[]; readonly from: string };
    if (Date.parse(from) < presentMs - 6 * MINUTE_MS) doneCounts.push(done.length);
  }
  assert.ok(doneCounts.length > 4, `${doneCounts}`);
  assert.ok(Math.max(...doneCounts) <= 2, `${doneCounts}`);
  assert.equal(client.queries.filter(({ limit }) => limit === 1).length, 1);
});

Deno.test("LogStream.read() gives a backlog whose newest event the server cannot look for", async () => {
  await using opened = openLog(0);
  const { client, log, pages, presentMs } = opened;
  log.append(buildBacklog(presentMs));
  const read = client.getUnstructuredEvents.bind(client);
  client.getUnstructuredEvents = async (request, options) => {
    if (request.limit === 1) throw new ConnectError("too much", Code.ResourceExhausted);
    return await read(request, options);
  };
  assert.equal((await readToEnd(opened, (await pages.next()).value)).length, 1801);
});

Deno.test("LogStream.read() asks once for the newest event, however many pages are empty before the first one", async () => {
  await using opened = openLog(60 * MINUTE_MS);
  const { client, pages } = opened;
  const read = client.getUnstructuredEvents.bind(client);
  let emptyPages = 0;
  client.getUnstructuredEvents = async (request, options) => {
    const answer = await read({ ...request, startKey: "" }, options);
    if (request.limit === 1 || emptyPages === 5) return answer;
    return { ...answer, items: [], lastKey: `${++emptyPages}` };
  };
  assert.deepEqual(await readToEnd(opened, (await pages.next()).value), ["first"]);
  assert.equal(client.queries.filter(({ limit }) => limit === 1).length, 1);
});

/** An event every two seconds of the hour before the present. */
function buildBacklog(presentMs: number) {
  return buildEvents({ count: 1800, startMs: presentMs - 60 * MINUTE_MS, spanMs: 60 * MINUTE_MS });
}

/** Reads on from a page up to the one that is the end for now: the ids of all their events. */
async function readToEnd({ pages }: ReturnType<typeof openLog>, first: Page): Promise<string[]> {
  const read = [first];
  while (read.at(-1)!.backlog) read.push((await pages.next()).value);
  return read.flatMap(({ events }) => events.map(({ id }) => id));
}
