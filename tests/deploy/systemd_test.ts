import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { EXIT_CODES } from "../../src/core/fault.ts";
import { HANDLER_TOML } from "../../src/setup/handler_toml.ts";
import { buildEvents } from "../support/events.ts";
import { startFakePeers } from "../support/fake_peers.ts";
import { startProgram } from "../support/program.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const FOLDER = fileURLToPath(new URL("../../deploy/systemd/", import.meta.url));
const UNIT = "teleport-event-handler.service";
const PROGRAM = "/usr/local/bin/teleport-event-handler";

/** As systemd-analyze counts: 0.0 is safe, 10.0 is not; half of what it calls OK. */
const MAX_EXPOSURE_TENTHS = 20;

const text = await Deno.readTextFile(FOLDER + UNIT);

/** The last value that the unit gives a directive. */
function directive(name: string): string | undefined {
  return [...text.matchAll(new RegExp(`^${name}=(.*)$`, "gm"))].at(-1)?.[1];
}

Deno.test("deploy/systemd has nothing that is not tried", async () => {
  const names = (await Array.fromAsync(Deno.readDir(FOLDER))).map(({ name }) => name).sort();
  assert.deepEqual(names, [UNIT, "teleport-event-handler.sysusers.conf"]);
});

Deno.test("The service lets V8 make code: MemoryDenyWriteExecute would kill it", () => {
  assert.equal(directive("MemoryDenyWriteExecute"), undefined);
});

Deno.test("The service is always started again, but after a wrong command line or setting", () => {
  assert.equal(directive("Restart"), "always");
  assert.equal(directive("StartLimitIntervalSec"), "0");
  assert.match(directive("RestartSec")!, /^[1-9]\d*s$/);
  assert.deepEqual(directive("RestartPreventExitStatus")!.split(" ").map(Number), [
    EXIT_CODES.usage,
    EXIT_CODES.config,
  ]);
});

Deno.test("The service runs as the user that the sysusers file makes", async () => {
  const users = await Deno.readTextFile(`${FOLDER}teleport-event-handler.sysusers.conf`);
  assert.equal(/^u (\S+) /m.exec(users)![1], directive("User"));
  assert.equal(directive("Group"), directive("User"));
});

Deno.test("The service's command starts the handler, with its position in the state directory", async () => {
  const events = buildEvents({ count: 5 });
  await using peers = await startFakePeers({ events });
  await using state = await temporaryFolder();
  const [program, ...args] = directive("ExecStart")!
    .replaceAll("${CONFIGURATION_DIRECTORY}", peers.folder)
    .replaceAll("${STATE_DIRECTORY}", state.path)
    .split(" ");
  assert.equal(program, PROGRAM);
  assert.ok(args.includes(`${peers.folder}/${HANDLER_TOML}`));
  await using handler = startProgram({
    args: [...args, "--start-time", "2021-01-01T00:00:00Z", "--exit-on-last-event"],
  });
  assert.equal((await handler.waitForExit()).code, 0, handler.stderr.join("\n"));
  assert.equal(peers.receiver.events.length, events.length);
  const kept = (await Array.fromAsync(Deno.readDir(state.path))).map(({ name }) => name);
  assert.deepEqual(kept, [peers.storage.replace(/^.*\//, "")]);
});

const hasSystemd = await run("--version").then(({ code }) => code === 0, () => false);
const SKIP = hasSystemd ? "" : " [no systemd-analyze]";

Deno.test({
  name: `systemd-analyze verify has nothing to say about the service${SKIP}`,
  ignore: !hasSystemd,
  async fn() {
    const { code, output } = await withUnit((path) => run("verify", "--man=no", path));
    assert.deepEqual([code, output], [0, ""]);
  },
});

Deno.test({
  name: `systemd-analyze security finds little exposed by the service${SKIP}`,
  ignore: !hasSystemd,
  async fn() {
    const { code, output } = await withUnit((path) =>
      run("security", "--offline=true", `--threshold=${MAX_EXPOSURE_TENTHS}`, path)
    );
    assert.equal(code, 0, output);
  },
});

/** Runs systemd-analyze with no service manager but the files. */
async function run(...args: readonly string[]): Promise<{ code: number; output: string }> {
  const { code, stderr, stdout } = await new Deno.Command("systemd-analyze", {
    args: ["--no-pager", ...args],
    env: { SYSTEMD_LOG_LEVEL: "warning" },
  }).output();
  const decoder = new TextDecoder();
  return { code, output: decoder.decode(stdout) + decoder.decode(stderr) };
}

/** Gives `use` the unit, with programs that are on this machine. */
async function withUnit<T>(use: (path: string) => Promise<T>): Promise<T> {
  await using folder = await temporaryFolder();
  const path = folder.join(UNIT);
  await Deno.writeTextFile(path, text.replaceAll(PROGRAM, "/bin/sh"));
  return await use(path);
}
