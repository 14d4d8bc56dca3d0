import assert from "node:assert/strict";
import { KvPositionStore } from "../../src/state/kv_position_store.ts";
import { probeState } from "../../src/state/state_probe.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

Deno.test("probeState() reads what is only in the log yet, says nothing is stored where nothing is, and takes a log without its file for damage", async () => {
  await using folder = await temporaryFolder();
  const path = folder.join("state.kv");
  assert.match((await probeState(folder.path, 0)).finding.text, /^Nothing is stored yet/);
  using store = await KvPositionStore.open(path, 0);
  await store.commit({ streamId: "log", position: { at: 1 } });
  assert.deepEqual([...(await probeState(folder.path, 0)).positions], [["log", { at: 1 }]]);
  await Deno.remove(path);
  const { finding } = await probeState(folder.path, 0);
  assert.equal(finding.status, "failed");
  assert.ok(finding.text.startsWith(`State file '${path}' is damaged`), finding.text);
  assert.match(finding.text, /'.*state\.kv-wal' is not empty/);
});
