import assert from "node:assert/strict";
import { Lockout } from "../../src/pipeline/lockout.ts";
import type { UserLock } from "../../src/pipeline/ports.ts";
import { MemoryPositionStore } from "../../src/state/memory_position_store.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { RecordingLogger } from "../support/recording_logger.ts";

function makeLockout() {
  const store = new MemoryPositionStore();
  const clock = new FakeClock();
  const locks: UserLock[] = [];
  const lockout = new Lockout({
    maxFailures: 2,
    periodMs: 60_000,
    lockMs: 0,
    locker: { lock: (lock) => Promise.resolve(void locks.push(lock)) },
    store,
    clock,
    logger: new RecordingLogger(),
    stop: new AbortController().signal,
  });
  /** As another replica does that forwards a chunk. */
  const fail = async (id: string) => {
    const timeMs = clock.nowMs();
    const position = { user: "eve", login: "root", timeMs };
    const open = [{ streamId: `failed-login/${timeMs}/${id}`, position }];
    await store.commit({ streamId: "chunk/2026-01-01/c", position: { id }, open });
  };
  return { clock, fail, lockout, locks, store };
}

Deno.test("Lockout counts the failed logins that others have put into the store, each once", async () => {
  const { fail, lockout, locks, store } = makeLockout();
  await fail("one");
  await fail("two");
  for (let looks = 0; looks < 3; looks++) await lockout.load();
  await lockout.settled();
  assert.deepEqual(locks, []);
  await fail("three");
  for (let looks = 0; looks < 3; looks++) await lockout.load();
  await lockout.settled();
  assert.deepEqual(locks.map(({ user }) => user), ["eve"]);
  assert.deepEqual(await Array.fromAsync(store.list("failed-login/")), []);
});

Deno.test("Lockout looks into the store while the log is forwarded, and once more at its end", async () => {
  const { clock, fail, lockout, locks } = makeLockout();
  const forwarding = Promise.withResolvers<void>();
  const watching = lockout.watchWhile(forwarding.promise, 1000);
  await clock.waitForSleepers();
  for (const id of ["one", "two", "three"]) await fail(id);
  await clock.advance(1000);
  await lockout.settled();
  assert.equal(locks.length, 1);
  for (const id of ["four", "five", "six"]) await fail(id);
  forwarding.resolve();
  await watching;
  await lockout.settled();
  assert.equal(locks.length, 2);
});
