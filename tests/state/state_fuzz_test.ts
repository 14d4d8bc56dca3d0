import assert from "node:assert/strict";
import fc from "fast-check";
import { Fault } from "../../src/core/fault.ts";
import { KvPositionStore } from "../../src/state/kv_position_store.ts";
import { probeQuarantine } from "../../src/state/quarantine_probe.ts";
import { QuarantineFolder } from "../../src/state/quarantine_folder.ts";
import { storageFolderFor } from "../../src/state/storage_folder.ts";
import { fuzzTest, mutationsOf, textOf } from "../support/fuzz.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const encode = (text: string) => new TextEncoder().encode(text);

const LINE = `${
  JSON.stringify({
    quarantinedAt: "2026-01-01T00:00:00.000Z",
    stream: "log",
    reason: "HTTP 400: no",
    id: "e1",
    type: "user.login",
    time: "2026-01-01T00:00:00.000Z",
    event: { uid: "e1" },
  })
}\n`;

fuzzTest(
  "QuarantineFolder.read() reads what lies in a damaged quarantine, line by line, or throws a Fault",
  {
    arbitrary: fc.oneof(
      mutationsOf(encode(LINE + LINE.replace('"event":{"uid":"e1"}', '"raw":"AAEC"') + LINE)),
      fc.uint8Array({ maxLength: 200 }),
      textOf("{", "}", '"event":', "\n", '"id":', "null", "[", "\0", LINE.trim()).map(encode),
    ),
    allowed: [Fault],
    async check(bytes) {
      await using folder = await temporaryFolder();
      await Deno.mkdir(folder.join("quarantine"));
      await Deno.writeFile(folder.join("quarantine", "events.jsonl"), bytes);
      await probeQuarantine(new QuarantineFolder(`${folder.path}/quarantine`));
      let lines = 0;
      for await (const entry of new QuarantineFolder(folder.join("quarantine")).read()) {
        assert.equal(typeof entry, "object");
        lines++;
      }
      assert.ok(lines <= bytes.filter((byte) => byte === 0x0a).length + 1);
    },
  },
);

fuzzTest("KvPositionStore reads what is left of a damaged state file, or throws a Fault", {
  arbitrary: mutationsOf(await makeStateFile()),
  allowed: [Fault],
  async check(bytes) {
    await using folder = await temporaryFolder();
    await Deno.writeFile(folder.join("state.kv"), bytes);
    using store = await KvPositionStore.open(folder.join("state.kv"), 0);
    for await (const { position } of store.list("")) assert.equal(typeof position, "object");
    await store.commit({ streamId: "log", position: { version: 1 } });
    assert.deepEqual(await store.read("log"), { version: 1 });
  },
});

fuzzTest("storageFolderFor() gives one folder below the storage, whatever the host is called", {
  arbitrary: textOf("..", "/", "\\", ":", "%2e", "\0", "auth.example.com", "~", "-", "é"),
  check(host) {
    const folder = storageFolderFor("/storage", { host, port: 3025 });
    assert.match(folder, /^\/storage\/[A-Za-z0-9._-]*_3025$/);
  },
});

async function makeStateFile(): Promise<Uint8Array> {
  await using folder = await temporaryFolder();
  {
    using store = await KvPositionStore.open(folder.join("state.kv"), 0);
    await store.commit({ streamId: "log", position: { version: 1, cursor: "x" } });
  }
  return await Deno.readFile(folder.join("state.kv"));
}
