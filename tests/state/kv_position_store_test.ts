import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { Fault } from "../../src/core/fault.ts";
import { KvFile } from "../../src/state/kv_file.ts";
import { KvPositionStore } from "../../src/state/kv_position_store.ts";
import { MemoryPositionStore } from "../../src/state/memory_position_store.ts";
import { testPositionStoreContract } from "../contract/position_store.ts";
import { createRandom } from "../support/events.ts";
import { drawSeed } from "../support/seed.ts";
import { startStateProcess } from "../support/state_process.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary_folder.ts";

testPositionStoreContract("MemoryPositionStore", () =>
  Promise.resolve({
    store: new MemoryPositionStore(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }));

testPositionStoreContract("KvPositionStore in a file", async () => {
  const folder = await temporaryFolder();
  const store = await KvPositionStore.open(folder.join("state.kv"), 0);
  return {
    store,
    async [Symbol.asyncDispose]() {
      store[Symbol.dispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
});

testPositionStoreContract("KvPositionStore in memory", async () => {
  const store = await KvPositionStore.open(":memory:", 0);
  return {
    store,
    [Symbol.asyncDispose]: () => Promise.resolve(store[Symbol.dispose]()),
  };
});

async function assertStateFault(action: Promise<unknown>, text: RegExp): Promise<void> {
  const error = await action.then(() => undefined, (e: unknown) => e);
  assert.ok(error instanceof Fault, `${error}`);
  assert.equal(error.kind, "state");
  assert.match(error.text, text);
}

async function modeOf(path: string): Promise<string> {
  return ((await Deno.stat(path)).mode! & 0o777).toString(8);
}

Deno.test("KvPositionStore.open() finds what an earlier run committed", async () => {
  await using folder = await temporaryFolder();
  const path = folder.join("state.kv");
  for (let at = 0; at < 3; at++) {
    using store = await KvPositionStore.open(path, at);
    assert.deepEqual(await store.read("log"), at === 0 ? undefined : { at: at - 1 });
    await store.commit({ streamId: "log", position: { at } });
  }
});

Deno.test("KvPositionStore.open() keeps its files from other users", async () => {
  await using folder = await temporaryFolder();
  using store = await KvPositionStore.open(folder.join("state.kv"), 0);
  await store.commit({ streamId: "log", position: {} });
  const names = (await Array.fromAsync(Deno.readDir(folder.path))).map((entry) => entry.name);
  assert.deepEqual(names.sort(), ["state.kv", "state.kv-shm", "state.kv-wal"]);
  for (const name of names) assert.equal(await modeOf(folder.join(name)), "600", name);
});

Deno.test("KvPositionStore.commit() is on the disk when it returns: kill -9 loses nothing of it", async () => {
  await using folder = await temporaryFolder();
  const path = folder.join("state.kv");
  for (const count of [1, 25, 120]) {
    await using child = startStateProcess({ command: "commit", path });
    await child.waitForLine(new RegExp(`^${count}$`), { from: "stdout" });
    child.kill("SIGKILL");
    assert.equal((await child.waitForExit()).signal, "SIGKILL");
    const last = Number(child.stdout.at(-1));
    using store = await KvPositionStore.open(path, 0);
    const at = (await store.read("log"))!["at"] as number;
    // The last commit may have been written and not yet printed.
    assert.ok(at === last || at === last + 1, `${at} after ${last}`);
  }
});

Deno.test("KvPositionStore.open() takes what kill -9 leaves of a first start, at any moment of it", async () => {
  const random = createRandom(drawSeed());
  await using folder = await temporaryFolder();
  for (let start = 0; start < 12; start++) {
    const path = folder.join(`${start}.kv`);
    await using child = startStateProcess({ command: "commit", path });
    await child.waitForLine(/^opening$/, { from: "stdout" });
    // Some milliseconds of looks: a start is done in as many.
    for (let looks = Math.floor(random() * 100); looks > 0; looks--) {
      await Deno.stat(folder.path);
    }
    child.kill("SIGKILL");
    await child.waitForExit();
    const last = child.stdout.at(-1)!;
    using store = await KvPositionStore.open(path, 0);
    const at = (await store.read("log"))?.["at"] as number | undefined;
    if (last !== "opening") assert.ok(at! >= Number(last), `${at} after ${last}`);
  }
});

/** What may lie where the state file should be. */
const UNUSABLE_FILES: readonly {
  readonly title: string;
  readonly make: (path: string) => Promise<void> | void;
  readonly text: RegExp;
}[] = [
  {
    title: "a text",
    make: (path) => Deno.writeTextFile(path, "these are my notes\n".repeat(100)),
    text: /is damaged or is not a state file .*\. Move it away, .* and start with --cursor/,
  },
  {
    title: "a short text",
    make: (path) => Deno.writeTextFile(path, "x"),
    text: /is damaged or is not a state file/,
  },
  {
    title: "a database of another program",
    make: (path) =>
      makeDatabase(path, "CREATE TABLE customers (name)", "INSERT INTO customers VALUES ('x')"),
    text:
      /is a database of another program\. Move it away, or give this program a storage of its own/,
  },
  {
    title: "a state file that was overwritten in the middle",
    make: async (path) => {
      (await KvPositionStore.open(path, 0))[Symbol.dispose]();
      const bytes = await Deno.readFile(path);
      await Deno.writeFile(path, bytes.fill(0xff, 100));
    },
    text: /is damaged or is not a state file/,
  },
  {
    title: "a state file that is cut off",
    make: async (path) => {
      (await KvPositionStore.open(path, 0))[Symbol.dispose]();
      await Deno.truncate(path, 5000);
    },
    text: /is damaged or is not a state file/,
  },
  ...[0, 1, 100, 4095].map((bytes) => ({
    title: `a state file cut to ${bytes} bytes, of which the log is left`,
    async make(path: string) {
      await leaveWithLog(path);
      await Deno.truncate(path, bytes);
    },
    text:
      /is damaged or is not a state file \(It is shorter than a page, and '.*-wal' is not empty/,
  })),
  {
    title: "a log whose state file is missing",
    async make(path) {
      await leaveWithLog(path);
      await Deno.remove(path);
    },
    text: /is damaged or is not a state file .* Move it away, together with its -wal and -shm/,
  },
  {
    title: "a folder",
    make: (path) => Deno.mkdir(path),
    text: /cannot be opened for writing .*\. Check the owner and the mode of the storage folder/,
  },
];

/** A state as a crash leaves it, with what was written of late in the log. */
async function leaveWithLog(path: string): Promise<void> {
  using store = await KvPositionStore.open(`${path}.open`, 0);
  for (let at = 0; at < 20; at++) await store.commit({ streamId: "log", position: { at } });
  for (const end of ["", "-wal"]) await Deno.copyFile(`${path}.open${end}`, `${path}${end}`);
}

function makeDatabase(path: string, ...statements: readonly string[]): void {
  using database = new DatabaseSync(path);
  for (const statement of statements) database.exec(statement);
}

for (const { title, make, text } of UNUSABLE_FILES) {
  Deno.test(`KvPositionStore.open() refuses ${title}, names it and leaves it as it is`, async () => {
    await using folder = await temporaryFolder();
    const path = folder.join("state.kv");
    await make(path);
    const read = () =>
      Promise.all([path, `${path}-wal`].map((path) => Deno.readFile(path).catch(() => undefined)));
    const before = await read();
    await assertStateFault(KvPositionStore.open(path, 0), text);
    await assertStateFault(KvPositionStore.open(path, 0), new RegExp(`State file '${path}'`));
    assert.deepEqual(await read(), before);
  });
}

Deno.test("KvPositionStore.open() takes an empty file and one that a crash left without tables", async () => {
  await using folder = await temporaryFolder();
  await Deno.writeTextFile(folder.join("empty"), "");
  makeDatabase(folder.join("bare"), "PRAGMA journal_mode = WAL");
  for (const name of ["empty", "bare"]) {
    using store = await KvPositionStore.open(folder.join(name), 0);
    await store.commit({ streamId: "log", position: { name } });
    assert.deepEqual(await store.read("log"), { name });
  }
});

/** Places where nobody, root included, can make a file. */
const UNWRITABLE: readonly [string, (folder: TemporaryFolder) => Promise<string> | string][] = [
  ["below a regular file", async (folder) => {
    await Deno.writeTextFile(folder.join("file"), "");
    return folder.join("file", "state.kv");
  }],
  ["in a folder that is not there", (folder) => folder.join("nowhere", "state.kv")],
];

for (const [where, place] of UNWRITABLE) {
  Deno.test(`KvPositionStore.open() says what to do when the file cannot be made ${where}`, async () => {
    await using folder = await temporaryFolder();
    const path = await place(folder);
    const text = /cannot be opened for writing .*\. Check the owner and the mode/;
    await assertStateFault(KvPositionStore.open(path, 0), text);
    await assertStateFault(KvPositionStore.open(path, 0), new RegExp(`'${path}'`));
  });
}

Deno.test("KvPositionStore.commit() refuses a value over 60 KiB, and the old position stands", async () => {
  using store = await KvPositionStore.open(":memory:", 0);
  await store.commit({ streamId: "log", position: { at: 1 } });
  const position = { text: "ü".repeat(30 * 1024) };
  await assert.rejects(
    store.commit({ streamId: "log", position }),
    (error: Fault) =>
      error.kind === "internal" && /Position of 'log' takes 614\d\d bytes/.test(error.message),
  );
  assert.deepEqual(await store.read("log"), { at: 1 });
  await store.commit({ streamId: "log", position: { text: "x".repeat(60 * 1024 - 11) } });
});

/** Values under our key that no version of ours wrote. */
const FOREIGN_VALUES: readonly [string, unknown][] = [
  ["bytes that are no JSON", new TextEncoder().encode("{")],
  ["bytes that are no UTF-8", new Uint8Array([0x7b, 0xff, 0x7d])],
  ["JSON that is no object", new TextEncoder().encode("42")],
  ["JSON null", new TextEncoder().encode("null")],
  ["a list", new TextEncoder().encode("[]")],
  ["a text", "{}"],
  ["an object", { at: 1 }],
];

for (const [what, value] of FOREIGN_VALUES) {
  Deno.test(`KvPositionStore.read() refuses a value of ${what}, and names stream and file`, async () => {
    await using folder = await temporaryFolder();
    const path = folder.join("state.kv");
    using kv = await Deno.openKv(path);
    await kv.set(["v1", "position", "log"], value);
    const store = new KvPositionStore({ db: new KvFile(kv, path), prefix: ["v1"] });
    const text = `^State file '${path}' holds a position of 'log' that cannot be read\\. Give the`;
    await assertStateFault(store.read("log"), new RegExp(text));
  });
}

Deno.test({
  name: "KvPositionStore.commit() says when the disk is full, and what was committed stands",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using folder = await temporaryFolder();
    const path = folder.join("state.kv");
    (await KvPositionStore.open(path, 0))[Symbol.dispose]();
    await using child = startStateProcess({ command: "grow", path, maxFileKiB: 2048 });
    await child.waitForExit();
    const [lastLine, faultLine] = child.stdout;
    const last = Number(/^last (\d+)$/.exec(lastLine!)![1]);
    assert.match(
      faultLine!,
      /^fault state State file '.*state\.kv' cannot be written because the disk is full or failing .*\. Make room; nothing is lost meanwhile$/,
    );
    assert.ok(last >= 3, lastLine);
    using store = await KvPositionStore.open(path, 0);
    for (let at = 0; at <= last; at++) {
      assert.equal((await store.read(`chunk/${at}`))?.["at"], at);
    }
    await store.commit({ streamId: "log", position: { at: 1 } });
  },
});

Deno.test("KvPositionStore.open() says so of a state file that is damaged in its middle", async () => {
  await using folder = await temporaryFolder();
  const path = folder.join("state.kv");
  (await KvPositionStore.open(path, 0))[Symbol.dispose]();
  const bytes = await Deno.readFile(path);
  bytes.fill(0xff, 4096, 4096 * 3);
  await Deno.writeFile(path, bytes);
  await assert.rejects(
    KvPositionStore.open(path, 0),
    (error) => error instanceof Fault && error.kind === "state" && /is damaged/.test(error.text),
  );
});
