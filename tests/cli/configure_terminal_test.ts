import assert from "node:assert/strict";
import { PROGRAM, runConfigureProgram } from "../setup/run_configure.ts";
import { readFolder } from "../setup/setup_options.ts";
import { openssl } from "../support/openssl.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import { HAS_TERMINALS, TerminalSession } from "./terminal_session.ts";

const ASKED = "Passphrase for the server key (empty to have one made up): ";
const AGAIN = "The same again: ";
const COMMAND = [PROGRAM, "configure", ".", "--key-type", "ecdsa"];

function terminalTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: !HAS_TERMINALS, fn });
}

terminalTest(
  "configure asks for the passphrase twice at a terminal and shows it nowhere",
  async () => {
    await using folder = await temporaryFolder();
    await using session = new TerminalSession(COMMAND, folder.path);
    await session.waitFor(ASKED);
    await session.type("not this one\r");
    await session.waitFor(AGAIN);
    await session.type("and not that one\r");
    await session.waitFor("They are not the same");
    await session.waitFor(ASKED);
    await session.type("open sesamö\x7fe!\r");
    await session.waitFor(AGAIN);
    await session.type("mistyped\x15open sesame!\r");
    assert.equal(await session.end(), 0, session.screen);
    assert.doesNotMatch(session.screen, /open|sesam|this one|that one|mistyped/);
    const key = folder.join("server.key");
    await openssl("pkey", "-in", key, "-passin", "pass:open sesame!", "-noout");
  },
);

terminalTest("configure makes up a passphrase when Enter is all that is typed", async () => {
  await using folder = await temporaryFolder();
  await using session = new TerminalSession(COMMAND, folder.path);
  await session.waitFor(ASKED);
  await session.type("\r");
  assert.equal(await session.end(), 0, session.screen);
  assert.match(session.screen, /A passphrase for server\.key was made up; it is in fluent\.conf/);
});

terminalTest(
  "configure writes nothing when Ctrl-C answers the question for the passphrase",
  async () => {
    await using folder = await temporaryFolder();
    await using session = new TerminalSession(COMMAND, folder.path);
    await session.waitFor(ASKED);
    await session.type("abc\x03");
    assert.equal(await session.end(), 1, session.screen);
    assert.match(session.screen, /Interrupted\. Nothing was changed/);
    assert.deepEqual(await readFolder(folder.path), {});
  },
);

terminalTest(
  "configure asks before it overwrites, and takes nothing but y and yes for a yes",
  async () => {
    await using folder = await temporaryFolder();
    const first = await runConfigureProgram([".", "--key-type", "ecdsa"], { cwd: folder.path });
    assert.equal(first.code, 0, first.stderr);
    const before = await readFolder(folder.path);
    await using session = new TerminalSession([...COMMAND, "--auto-lock"], folder.path);
    await session.waitFor(
      "Do you want to overwrite ca.crt, ca.key, server.crt, server.key, client.crt, client.key [y/N] ",
    );
    await session.type("\r");
    await session.waitFor("Do you want to overwrite teleport-event-handler-role.yaml [y/N] ");
    await session.type("y\r");
    await session.waitFor("Do you want to overwrite fluent.conf [y/N] ");
    await session.type("no\r");
    await session.waitFor("Do you want to overwrite teleport-event-handler.toml [y/N] ");
    await session.type("yes\r");
    await session.waitFor(
      "Do you want to overwrite teleport-plugin-event-handler-values.yaml [y/N] ",
    );
    await session.type("maybe\r");
    await session.waitFor("Do you want to overwrite NEXT-STEPS.md [y/N] ");
    await session.type("N\r");
    assert.equal(await session.end(), 0, session.screen);
    const after = await readFolder(folder.path);
    const changed = Object.keys(after).filter((name) => after[name] !== before[name]).sort();
    assert.deepEqual(changed, ["teleport-event-handler-role.yaml", "teleport-event-handler.toml"]);
    assert.match(session.screen, /\[1\] Kept ca\.crt/);
  },
);
