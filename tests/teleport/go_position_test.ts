import assert from "node:assert/strict";
import fc from "fast-check";
import { readGoState } from "../../src/state/go_layout/read_go_state.ts";
import { writeGoState } from "../../src/state/go_layout/write_go_state.ts";
import { findGoMarks, roughGoMarks } from "../../src/teleport/go_marks.ts";
import { findGoPosition, type GoLogMarks } from "../../src/teleport/go_position.ts";
import {
  afterEvents,
  encodeLogPosition,
  type LogPosition,
  startOfLog,
} from "../../src/teleport/log_position.ts";
import type { PagedAuditLog } from "../../src/teleport/log_query.ts";
import { LogStream } from "../../src/teleport/log_stream.ts";
import { AuditLog, type StaleCursor } from "../support/audit_log.ts";
import { buildEvents, FIRST_EVENT_MS } from "../support/events.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { GoHandler } from "../support/go_handler.ts";
import { LogClient } from "../support/log_client.ts";
import { drawSeed } from "../support/seed.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const NEVER = new AbortController().signal;
const DAY_MS = 86_400_000;
const START_MS = FIRST_EVENT_MS - 5000;

/** A log, and when it is read. */
interface World {
  readonly log: AuditLog;
  readonly ids: readonly string[];
  readonly auditLog: PagedAuditLog;
  readonly client: LogClient;
  readonly nowMs: number;
}

interface WorldOptions {
  readonly count: number;
  readonly spanMs: number;
  readonly sameTime: number;
  readonly staleCursor?: StaleCursor;
}

function makeWorld({ staleCursor = "taken", ...options }: WorldOptions): World {
  const log = new AuditLog({ staleCursor });
  log.append(buildEvents(options));
  const client = new LogClient(log);
  return {
    log,
    client,
    ids: log.events.map(({ id }) => id),
    auditLog: client as unknown as PagedAuditLog,
    nowMs: FIRST_EVENT_MS + options.spanMs + 1000,
  };
}

/** Ids that we read from a position, with the position after so many of them. */
async function readOn(
  { auditLog, nowMs }: World,
  from: LogPosition,
  { maxEvents = Infinity, lookbackMs = 0 } = {},
): Promise<{ ids: string[]; position: LogPosition }> {
  const stream = new LogStream({
    auditLog,
    clock: new FakeClock(nowMs),
    types: [],
    windowMs: DAY_MS,
    pollMs: 1000,
    lookbackMs,
    endWhenCaughtUp: true,
    stallMs: 300_000,
    onStalled: assert.fail,
    onMoving: () => assert.fail(),
    onPassedOver: assert.fail,
  });
  const ids: string[] = [];
  let position = from;
  for await (const page of stream.read(encodeLogPosition(from), NEVER)) {
    const events = page.events.slice(0, maxEvents - ids.length);
    ids.push(...events.map(({ id }) => id));
    const range = { limitMs: nowMs - lookbackMs, untilMs: nowMs };
    position = afterEvents(position, events, range);
    if (ids.length === maxEvents) break;
  }
  return { ids, position };
}

async function readMarks(folder: string, nowMs: number): Promise<GoLogMarks> {
  const found = await readGoState(folder, nowMs);
  assert.ok(found !== undefined);
  assert.deepEqual(found.damages, []);
  const { cursor, id, startMs, windowMs } = found.state;
  assert.equal(startMs, START_MS);
  return { startMs, windowMs, cursor, id };
}

const worlds = fc.record({
  count: fc.integer({ min: 0, max: 90 }),
  spanMs: fc.constantFrom(500, 60_000, DAY_MS / 2, 4 * DAY_MS),
  sameTime: fc.constantFrom(1, 1, 3),
  stop: fc.double({ min: 0, max: 1, noNaN: true }),
  batch: fc.constantFrom(1, 5, 20),
  hasWindows: fc.boolean(),
});

Deno.test("findGoPosition() goes on exactly where the Go handler stopped, in any log", async () => {
  await fc.assert(
    fc.asyncProperty(worlds, async ({ batch, hasWindows, stop, ...options }) => {
      await using folder = await temporaryFolder();
      const world = makeWorld(options);
      const { auditLog, ids, nowMs } = world;
      const setup = { auditLog, folder: folder.path, startMs: START_MS, batch, hasWindows, nowMs };
      const go = new GoHandler(setup);
      await go.run(Math.round(ids.length * stop));
      const found = await findGoPosition(await readMarks(folder.path, nowMs), world, NEVER);
      assert.ok(["event", "start"].includes(found.foundBy));
      assert.equal(found.position.startMs, START_MS);
      const ours = await readOn(world, found.position);
      assert.deepEqual([...go.sent, ...ours.ids], ids);
    }),
    { numRuns: 40, seed: drawSeed() },
  );
});

Deno.test("findGoMarks() lets the Go handler go on exactly where we stopped, in any log", async () => {
  await fc.assert(
    fc.asyncProperty(worlds, async ({ batch, hasWindows, stop, ...options }) => {
      await using folder = await temporaryFolder();
      const world = makeWorld(options);
      const { auditLog, ids, nowMs } = world;
      const maxEvents = Math.round(ids.length * stop);
      const ours = maxEvents === 0
        ? { ids: [], position: startOfLog(START_MS) }
        : await readOn(world, startOfLog(START_MS), { maxEvents, lookbackMs: 300_000 });
      const reading = { auditLog, types: [], pageSize: batch, nowMs };
      const marks = await findGoMarks(ours.position, reading, NEVER);
      await writeGoState(folder.path, { ...marks, sessions: new Map(), dates: new Map() });
      const go = new GoHandler({
        auditLog,
        folder: folder.path,
        startMs: START_MS + 999_000,
        batch,
        hasWindows,
        nowMs,
      });
      await go.run();
      assert.deepEqual([...ours.ids, ...go.sent], ids);
    }),
    { numRuns: 20, seed: drawSeed() },
  );
});

Deno.test("findGoMarks() lets the Go handler go on exactly where days lie between the last events", async () => {
  for (const [count, spanDays] of [[2, 4], [3, 40], [8, 9]] as const) {
    await using folder = await temporaryFolder();
    const world = makeWorld({ count, spanMs: spanDays * DAY_MS, sameTime: 1 });
    const { auditLog, ids, nowMs } = world;
    for (let maxEvents = 1; maxEvents <= count; maxEvents++) {
      const ours = await readOn(world, startOfLog(START_MS), { maxEvents, lookbackMs: 300_000 });
      const marks = await findGoMarks(
        ours.position,
        { auditLog, types: [], pageSize: 5, nowMs },
        NEVER,
      );
      for (const hasWindows of [true, false]) {
        const path = `${folder.path}/${maxEvents}-${hasWindows}`;
        await writeGoState(path, { ...marks, sessions: new Map(), dates: new Map() });
        const go = new GoHandler({
          auditLog,
          folder: path,
          startMs: START_MS,
          batch: 5,
          hasWindows,
          nowMs,
        });
        await go.run();
        assert.deepEqual([...ours.ids, ...go.sent], ids, `${maxEvents} of ${count}, ${hasWindows}`);
      }
    }
  }
});

Deno.test("roughGoMarks() let the Go handler repeat what is not surely passed, and lose nothing", async () => {
  await using folder = await temporaryFolder();
  const world = makeWorld({ count: 60, spanMs: 60_000, sameTime: 1 });
  const ours = await readOn(world, startOfLog(START_MS), { maxEvents: 40 });
  const marks = roughGoMarks(ours.position);
  await writeGoState(folder.path, { ...marks, sessions: new Map(), dates: new Map() });
  const { auditLog, nowMs } = world;
  const go = new GoHandler({ auditLog, folder: folder.path, startMs: 0, nowMs });
  await go.run();
  assert.deepEqual(new Set([...ours.ids, ...go.sent]), new Set(world.ids));
  assert.ok(go.sent.length <= 22, `${go.sent.length} events`);
});

for (const staleCursor of ["taken", "error", "empty"] as const) {
  Deno.test(`findGoPosition() finds the last event soon, near either end, where a cursor is ${staleCursor}`, async () => {
    const world = makeWorld({ count: 6000, spanMs: DAY_MS / 2, sameTime: 1, staleCursor });
    for (const at of [800, 5300]) {
      world.client.queries.length = 0;
      const marks = {
        startMs: START_MS,
        windowMs: START_MS,
        cursor: "cut off",
        id: world.ids[at]!,
      };
      const { foundBy, position } = await findGoPosition(marks, world, NEVER);
      assert.equal(foundBy, "event");
      assert.equal(position.done.at(-1)!.id, world.ids[at]);
      assert.ok(world.client.queries.length <= 8, `${world.client.queries.length} calls`);
    }
  });
}

Deno.test("findGoPosition() takes the window where the last event cannot be found, and says so", async () => {
  const world = makeWorld({ count: 40, spanMs: 2 * DAY_MS, sameTime: 1 });
  const windowMs = FIRST_EVENT_MS + DAY_MS;
  const marks = { startMs: START_MS, windowMs, cursor: "", id: "0b5f2a3e-faa5-4d" };
  const { foundBy, position } = await findGoPosition(marks, world, NEVER);
  assert.deepEqual([foundBy, position], ["window", {
    startMs: START_MS,
    fromMs: windowMs,
    done: [],
  }]);
  const { ids } = await readOn(world, position);
  assert.deepEqual(ids, world.ids.slice(-ids.length));
  assert.ok(ids.length >= 20);
});

Deno.test("findGoPosition() goes by the last event where the window has moved on, so that nothing between is lost", async () => {
  const world = makeWorld({ count: 40, spanMs: 4 * DAY_MS, sameTime: 1 });
  const id = world.ids[9]!;
  // A window that was left too early: events 10 to 19 lie before it.
  const marks = { startMs: START_MS, windowMs: FIRST_EVENT_MS + 2 * DAY_MS, cursor: "", id };
  const { foundBy, position } = await findGoPosition(marks, world, NEVER);
  assert.equal(foundBy, "event");
  assert.deepEqual((await readOn(world, position)).ids, world.ids.slice(10));
});

for (const id of ["", "0b5f2a3e-faa5-4d"]) {
  Deno.test(`findGoPosition() goes on at the page of the cursor where the id was cut to '${id}'`, async () => {
    await using folder = await temporaryFolder();
    const world = makeWorld({ count: 90, spanMs: DAY_MS / 2, sameTime: 3 });
    const { auditLog, nowMs } = world;
    const go = new GoHandler({ auditLog, folder: folder.path, startMs: START_MS, nowMs });
    await go.run(67);
    const marks = { ...await readMarks(folder.path, nowMs), id };
    const found = await findGoPosition(marks, world, NEVER);
    assert.deepEqual([found.foundBy, found.isCursorRefused], ["cursor", false]);
    assert.deepEqual((await readOn(world, found.position)).ids, world.ids.slice(60));
  });
}

Deno.test("findGoPosition() takes the window where id and cursor were both cut", async () => {
  const world = makeWorld({ count: 90, spanMs: DAY_MS / 2, sameTime: 1, staleCursor: "error" });
  const marks = { startMs: START_MS, windowMs: undefined, cursor: '{"q', id: "" };
  const found = await findGoPosition(marks, world, NEVER);
  assert.deepEqual([found.foundBy, found.isCursorRefused], ["window", true]);
  assert.deepEqual((await readOn(world, found.position)).ids, world.ids);
});
