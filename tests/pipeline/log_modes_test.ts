import assert from "node:assert/strict";
import { Fault } from "../../src/core/fault.ts";
import { forwardByMode, type LogModesOptions } from "../../src/pipeline/log_modes.ts";
import { within } from "../support/bell.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { Gate } from "../support/gate.ts";
import { RecordingObserver } from "../support/pipeline_ports.ts";

const UNSUPPORTED = new Fault("unsupported", "Unknown call");
const AWAY = new Fault("unavailable", "Connection refused");

/** Signals that are waited on: `AbortSignal.any` of this runtime does not keep its own alive. */
const waitedOn = new Set<AbortSignal>();

async function untilAborted(signal: AbortSignal): Promise<void> {
  waitedOn.add(signal);
  await new Gate().pass(signal);
  waitedOn.delete(signal);
}

/** A server whose bulk export comes and goes, and what the log made of it. */
function makeRig(bulk: boolean | Fault, overrides: Partial<LogModesOptions> = {}) {
  const clock = new FakeClock();
  const observer = new RecordingObserver();
  const stop = new AbortController();
  const server = { bulk, probes: 0 };
  const modes: string[] = [];
  const ends: string[] = [];
  const running = forwardByMode({
    clock,
    observer,
    stop: stop.signal,
    probeBulk: () => {
      server.probes++;
      return server.bulk instanceof Fault
        ? Promise.reject(server.bulk)
        : Promise.resolve(server.bulk);
    },
    wasBulk: () => Promise.resolve(false),
    runPaged: async (stop) => {
      await untilAborted(stop);
      ends.push("paged");
    },
    runBulk: async (stop) => {
      await untilAborted(stop);
      ends.push("bulk");
    },
    onMode: (mode) => modes.push(mode),
    ...overrides,
  });
  // Awaited by each test; a failure in between must not end the test run.
  running.catch(() => {});
  const ended = () => within(running, { what: () => "the log's end", timeoutMs: 5000 });
  return { clock, observer, stop, server, modes, ends, ended };
}

Deno.test("forwardByMode() reads by chunks where the server has them, and asks no more", async () => {
  const { clock, stop, modes, ends, ended, server } = makeRig(true);
  await clock.advance(3_600_000);
  assert.deepEqual(modes, ["bulk"]);
  assert.equal(server.probes, 1);
  stop.abort();
  await ended();
  assert.deepEqual(ends, ["bulk"]);
  assert.equal(clock.sleeping, 0);
});

Deno.test("forwardByMode() reads by pages where the server has no chunks, and asks again every 30 s", async () => {
  const { clock, stop, server, modes, ended } = makeRig(false);
  await clock.waitForSleepers();
  assert.equal(clock.nextWakeMs, 30_000);
  await clock.advance(95_000);
  assert.deepEqual(modes, ["paged"]);
  assert.equal(server.probes, 4);
  stop.abort();
  await ended();
  assert.equal(clock.sleeping, 0);
});

Deno.test("forwardByMode() changes to chunks when the server gains them, after the pages have come to a clean end", async () => {
  const { clock, stop, server, modes, ends, ended } = makeRig(false);
  await clock.waitForSleepers();
  server.bulk = true;
  await clock.advance(29_999);
  assert.deepEqual(modes, ["paged"]);
  await clock.advance(1);
  assert.deepEqual(modes, ["paged", "bulk"]);
  assert.deepEqual(ends, ["paged"]);
  stop.abort();
  await ended();
});

Deno.test("forwardByMode() changes to pages when the server loses its chunks", async () => {
  const lost = new Gate();
  const { clock, stop, server, modes, ended } = makeRig(true, {
    runBulk: async () => {
      await lost.pass();
      throw UNSUPPORTED;
    },
  });
  await lost.reached;
  assert.deepEqual(modes, ["bulk"]);
  server.bulk = false;
  lost.open();
  await clock.advance(0);
  await clock.advance(500);
  assert.deepEqual(modes, ["bulk", "paged"]);
  stop.abort();
  await ended();
});

Deno.test("forwardByMode() pauses longer and longer between changes while servers differ about chunks", async () => {
  const { clock, stop, modes, ended } = makeRig(true, {
    runBulk: () => Promise.reject(UNSUPPORTED),
  });
  for (let i = 0; i < 20; i++) {
    await clock.waitForSleepers();
    await clock.advance(clock.nextWakeMs!);
  }
  assert.ok(modes.length <= 21);
  assert.ok(clock.sleeps.slice(8).every((ms) => ms >= 2500 && ms <= 5000), `${clock.sleeps}`);
  stop.abort();
  await ended();
  assert.equal(clock.sleeping, 0);
});

Deno.test("forwardByMode() waits for Teleport with growing pauses, and says when it is back", async () => {
  const { clock, stop, server, modes, observer, ended } = makeRig(AWAY);
  for (let i = 0; i < 5; i++) {
    await clock.waitForSleepers();
    assert.deepEqual(modes, []);
    if (i === 4) server.bulk = true;
    await clock.advance(clock.nextWakeMs!);
  }
  assert.deepEqual(modes, ["bulk"]);
  assert.deepEqual(observer.retries.map(({ attempt }) => attempt), [1, 2, 3, 4, 5]);
  // The fifth is one of the longest, which come in any order.
  assert.ok(clock.sleeps.slice(1, 4).every((ms, i) => ms >= clock.sleeps[i]!), `${clock.sleeps}`);
  assert.deepEqual(observer.recoveries, [{ peer: "source", attempts: 5 }]);
  stop.abort();
  await ended();
});

Deno.test("forwardByMode() does not leave the chunks that it has read before while Teleport denies them", async () => {
  const denied = new Fault("denied", "Identity has expired");
  const wasBulk = () => Promise.resolve(true);
  const { clock, stop, server, modes, observer, ended } = makeRig(denied, { wasBulk });
  await clock.waitForSleepers();
  assert.deepEqual(modes, []);
  assert.equal(observer.retries[0]!.lasting, true);
  server.bulk = true;
  await clock.advance(clock.nextWakeMs!);
  assert.deepEqual(modes, ["bulk"]);
  stop.abort();
  await ended();
});

Deno.test("forwardByMode() ends at once when it is stopped while it waits for Teleport", async () => {
  const { clock, stop, modes, ended } = makeRig(AWAY);
  await clock.waitForSleepers();
  stop.abort();
  await ended();
  assert.deepEqual(modes, []);
  assert.equal(clock.sleeping, 0);
});

Deno.test("forwardByMode() ends at once when it is stopped while the server is asked", async () => {
  const { clock, stop, modes, ended } = makeRig(true, {
    async probeBulk(signal) {
      await untilAborted(signal);
      throw signal.reason;
    },
  });
  await clock.advance(0);
  stop.abort();
  await ended();
  assert.deepEqual(modes, []);
});

Deno.test("forwardByMode() does nothing when it was stopped before", async () => {
  const stop = AbortSignal.abort();
  const { server, modes, ended } = makeRig(true, { stop });
  await ended();
  assert.equal(server.probes, 0);
  assert.deepEqual(modes, []);
});

for (const kind of ["denied", "missing"] as const) {
  Deno.test(`forwardByMode() reads by pages when the list of chunks is ${kind}`, async () => {
    const { clock, stop, modes, ended } = makeRig(new Fault(kind, "No"));
    await clock.waitForSleepers();
    assert.deepEqual(modes, ["paged"]);
    stop.abort();
    await ended();
  });
}

Deno.test("forwardByMode() keeps reading pages while Teleport cannot be asked about chunks, and changes once it can", async () => {
  const { clock, stop, server, modes, observer, ended } = makeRig(false);
  await clock.waitForSleepers();
  server.bulk = AWAY;
  await clock.advance(300_000);
  assert.deepEqual(modes, ["paged"]);
  // That Teleport is away is told by the reading of the pages.
  assert.deepEqual(observer.retries, []);
  server.bulk = true;
  await clock.advance(30_000);
  assert.deepEqual(modes, ["paged", "bulk"]);
  stop.abort();
  await ended();
});

Deno.test("forwardByMode() gives up a question under way when the pages come to their end", async () => {
  let isAborted = false;
  let probes = 0;
  const asked = new Gate();
  const end = new Gate();
  const { clock, ended } = makeRig(false, {
    async probeBulk(signal) {
      if (probes++ === 0) return false;
      await asked.pass(signal);
      isAborted = signal.aborted;
      throw signal.reason;
    },
    runPaged: () => end.pass(),
  });
  await clock.waitForSleepers();
  await clock.advance(30_000);
  await asked.reached;
  end.open();
  await ended();
  assert.equal(isAborted, true);
});

for (const bulk of [true, false]) {
  const mode = bulk ? "chunks" : "pages";
  Deno.test(`forwardByMode() ends when the log by ${mode} has come to its end, and leaves no timer`, async () => {
    const { clock, modes, ended } = makeRig(bulk, {
      runBulk: () => Promise.resolve(),
      runPaged: () => Promise.resolve(),
    });
    await ended();
    assert.equal(modes.length, 1);
    assert.equal(clock.sleeping, 0);
  });

  Deno.test(`forwardByMode() throws what the log by ${mode} failed by, and leaves no timer`, async () => {
    const fault = new Fault("credentials", "Certificate expired");
    const { clock, ended } = makeRig(bulk, {
      runBulk: () => Promise.reject(fault),
      runPaged: () => Promise.reject(fault),
    });
    await assert.rejects(ended(), (error) => error === fault);
    assert.equal(clock.sleeping, 0);
  });
}

Deno.test("forwardByMode() throws a fault of the question that waiting cannot heal", async () => {
  const { ended } = makeRig(new Fault("credentials", "Certificate expired"));
  await assert.rejects(ended(), /Certificate expired/);
});

Deno.test("forwardByMode() does not go on by chunks when it is stopped at the moment the server gains them", async () => {
  const { clock, stop, server, modes, ended } = makeRig(false, {
    runPaged: async (gained) => {
      await untilAborted(gained);
      stop.abort();
    },
  });
  await clock.waitForSleepers();
  server.bulk = true;
  await clock.advance(30_000);
  await ended();
  assert.deepEqual(modes, ["paged"]);
});
