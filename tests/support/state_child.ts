/**
 * A process that uses the state of a folder, for tests that kill it or put limits on it:
 *
 *   commit PATH    says so and opens, commits positions { at: 0 }, { at: 1 }, … and prints each number
 *                  once committed
 *   grow PATH      commits positions of 50 KiB until that fails, prints the last number and the fault
 *   reject FOLDER  quarantines events until that fails, prints the last number and the fault
 *   lock FOLDER    takes the lock, says so and holds it
 */
import { systemClock } from "../../src/core/clock.ts";
import { inOwnMemory } from "../../src/core/event.ts";
import { Fault } from "../../src/core/fault.ts";
import { KvPositionStore } from "../../src/state/kv_position_store.ts";
import { QuarantineFile } from "../../src/state/quarantine_file.ts";
import { StorageLock } from "../../src/state/storage_lock.ts";

/** The most that is written before a limit must have been met. */
const MOST = 2000;

function say(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

/** Does `step` with growing numbers until it throws. */
async function countUp(step: (at: number) => Promise<void>): Promise<void> {
  for (let at = 0; at < MOST; at++) {
    try {
      await step(at);
    } catch (error) {
      say(`last ${at - 1}`);
      say(error instanceof Fault ? `fault ${error.kind} ${error.text}` : `no fault: ${error}`);
      return;
    }
  }
}

const [command, path] = Deno.args as [string, string];
switch (command) {
  case "commit": {
    say("opening");
    using store = await KvPositionStore.open(path, 0);
    for (let at = 0;; at++) {
      await store.commit({ streamId: "log", position: { at } });
      say(String(at));
    }
  }
  case "grow": {
    using store = await KvPositionStore.open(path, 0);
    const pad = "x".repeat(50 * 1024);
    await countUp((at) => store.commit({ streamId: `chunk/${at}`, position: { at, pad } }));
    break;
  }
  case "reject": {
    const quarantine = new QuarantineFile({ folder: path, maxBytes: 2 ** 30, clock: systemClock });
    const json = new TextEncoder().encode(JSON.stringify({ pad: "x".repeat(3000) }));
    await countUp((at) =>
      quarantine.put({
        streamId: "log",
        event: { id: String(at), type: "test", timeMs: 0, ...inOwnMemory(json) },
        reason: "test",
      })
    );
    break;
  }
  case "lock": {
    const lock = await StorageLock.acquire(path, Deno.pid);
    say("held");
    await systemClock.sleep(600_000);
    lock[Symbol.dispose]();
  }
}
