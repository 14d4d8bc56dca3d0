import assert from "node:assert/strict";
import { Fault } from "../../src/core/fault.ts";
import { HeldFiles } from "../../src/state/held_files.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary_folder.ts";

/** A folder with two files that are open, and stay so until the end. */
async function holdTwo() {
  await using cleanup = new AsyncDisposableStack();
  const folder = cleanup.use(await temporaryFolder());
  await Deno.mkdir(folder.join("state"));
  const paths = ["state.kv", "lock"].map((name) => folder.join("state", name));
  for (const path of paths) {
    cleanup.use(await Deno.open(path, { write: true, create: true }));
  }
  const held = await HeldFiles.hold(paths);
  const moved = cleanup.move();
  return { folder, held, [Symbol.asyncDispose]: () => moved.disposeAsync() };
}

async function assertReplaced(action: Promise<unknown>, text: RegExp): Promise<void> {
  const error = await action.then(() => undefined, (e: unknown) => e);
  assert.ok(error instanceof Fault, `${error}`);
  assert.equal(error.kind, "replaced");
  assert.match(error.text, text);
}

/** What may happen to files that are open. */
const LOSSES: readonly {
  readonly title: string;
  readonly lose: (folder: TemporaryFolder) => Promise<void>;
  readonly text: RegExp;
}[] = [
  {
    title: "the folder is deleted",
    lose: (folder) => Deno.remove(folder.join("state"), { recursive: true }),
    text: /^Storage is not the one that was opened: '.*' is gone\. It was deleted, moved or/,
  },
  {
    title: "the folder is moved away",
    lose: (folder) => Deno.rename(folder.join("state"), folder.join("old")),
    text: /is gone\./,
  },
  {
    title: "a file stands where the folder was",
    async lose(folder) {
      await Deno.rename(folder.join("state"), folder.join("old"));
      await Deno.writeTextFile(folder.join("state"), "");
    },
    text: /is gone\./,
  },
  {
    title: "another folder is put in its place",
    async lose(folder) {
      await Deno.rename(folder.join("state"), folder.join("old"));
      await Deno.mkdir(folder.join("state"));
      for (const name of ["lock", "state.kv"]) {
        await Deno.copyFile(folder.join("old", name), folder.join("state", name));
      }
    },
    text: /is another file now\. .* start again, or start with --cursor/,
  },
  {
    title: "the state file alone is restored",
    async lose(folder) {
      await Deno.writeTextFile(folder.join("backup"), "");
      await Deno.rename(folder.join("backup"), folder.join("state", "state.kv"));
    },
    text: /'.*\/state\/state\.kv' is another file now\./,
  },
  {
    title: "the lock alone is deleted",
    lose: (folder) => Deno.remove(folder.join("state", "lock")),
    text: /'.*\/state\/lock' is gone\./,
  },
];

for (const { lose, text, title } of LOSSES) {
  Deno.test(`HeldFiles.check() throws a Fault that names the file when ${title}`, async () => {
    await using all = await holdTwo();
    await all.held.check();
    await lose(all.folder);
    await assertReplaced(all.held.check(), text);
  });
}

Deno.test("HeldFiles.check() takes changes of the files, and what cannot be looked at, for nothing", async () => {
  await using all = await holdTwo();
  const [lock, aside] = [all.folder.join("state", "lock"), all.folder.join("aside")];
  await Deno.writeTextFile(lock, "42\n");
  await Deno.chmod(lock, 0o400);
  await all.held.check();
  await Deno.rename(lock, aside);
  // Of a link to itself the system says neither that it is there nor that it is not.
  assert.ok((await new Deno.Command("ln", { args: ["-s", lock, lock] }).output()).success);
  await all.held.check();
  await Deno.remove(lock);
  await Deno.rename(aside, lock);
  await all.held.check();
});

Deno.test("HeldFiles.within() takes nothing for done that went to a file that is gone", async () => {
  await using all = await holdTwo();
  assert.equal(await all.held.within(() => Promise.resolve("done")), "done");
  const full = () => Promise.reject(new Fault("state", "Disk is full"));
  await assert.rejects(all.held.within(full), /Disk is full/);
  const lose = () => Deno.remove(all.folder.join("state"), { recursive: true });
  await assertReplaced(all.held.within(lose), /is gone/);
  // That it failed comes from that, too.
  await assertReplaced(all.held.within(full), /is gone/);
});

Deno.test("HeldFiles.watch() finds out while nothing is written, and ends with its signal", async () => {
  await using all = await holdTwo();
  const clock = new FakeClock();
  const ended = new AbortController();
  await all.held.watch({ clock, pauseMs: 1000, signal: AbortSignal.abort() });
  const stopped = all.held.watch({ clock, pauseMs: 1000, signal: ended.signal });
  await clock.waitForSleepers();
  ended.abort();
  await stopped;
  const signal = new AbortController().signal;
  const watching = assertReplaced(all.held.watch({ clock, pauseMs: 1000, signal }), /is gone/);
  await clock.waitForSleepers();
  await all.folder[Symbol.asyncDispose]();
  await clock.advance(1000);
  await watching;
});

Deno.test("HeldFiles.hold() refuses files that are gone already", async () => {
  await using folder = await temporaryFolder();
  await assertReplaced(HeldFiles.hold([folder.join("lock")]), /is gone/);
});
