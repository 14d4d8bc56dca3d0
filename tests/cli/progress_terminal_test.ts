import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { buildEvents } from "../support/events.ts";
import { startFakePeers } from "../support/fake_peers.ts";
import { Screen } from "../log/screen.ts";
import { HAS_TERMINALS, TerminalSession } from "./terminal_session.ts";

const PROGRAM = fileURLToPath(new URL("../../scripts/run", import.meta.url));

/** A backlog of 20 days that lasts as long as the receiver holds a request. */
async function startBacklog() {
  const startMs = Date.now() - 20 * 86_400_000;
  return await startFakePeers({
    events: buildEvents({ count: 400, startMs, spanMs: 19 * 86_400_000 }),
    extra: {
      "start-time": `"${new Date(startMs - 1000).toISOString()}"`,
      "fluentd-batch-events": "10",
      batch: "20",
    },
  });
}

for (const columns of [80, 40]) {
  Deno.test(`start shows a backlog in a line that changes in place, ${columns} columns wide`, {
    ignore: !HAS_TERMINALS,
  }, async () => {
    await using peers = await startBacklog();
    const gate = peers.receiver.holdNext();
    await using terminal = new TerminalSession(
      [
        "sh",
        "-c",
        `stty cols ${columns} -echo; exec "$1" start --config "$2"`,
        "sh",
        PROGRAM,
        peers.config,
      ],
      peers.folder,
    );
    await gate.reached;
    const second = peers.receiver.holdNext();
    gate.open();
    await second.reached;
    await terminal.waitFor(columns === 80 ? "Catching up  20" : "Catching up");
    await terminal.waitFor(" %");
    second.open();
    await terminal.waitFor("Caught up with the audit log");
    await terminal.type("\x03");
    await terminal.waitFor("Stopped sent=400");
    assert.equal(await terminal.end(), 0);
    // NO_COLOR is set: the line changes without any control sequence.
    assert.ok(!terminal.screen.includes("\x1b"), JSON.stringify(terminal.screen));
    const rows = terminal.screen.split("\n").flatMap((line) => line.split("\r"));
    const drawn = rows.filter((row) => /^(Catching up|\d+ %)/.test(row));
    assert.ok(drawn.length > 0 && drawn.every((row) => row.length < columns), drawn.join("\n"));
    const screen = new Screen(1000);
    screen.write(terminal.screen);
    const log = screen.rows.filter((row) => row !== "");
    for (const row of log) assert.match(row, /^(INFO|WARN)\[\d{4}\] /, terminal.screen);
    assert.match(log.at(-1)!, /Stopped sent=400/);
  });
}

Deno.test("start shows no line that changes on a terminal that cannot (TERM=dumb)", {
  ignore: !HAS_TERMINALS,
}, async () => {
  await using peers = await startBacklog();
  await using terminal = new TerminalSession(
    ["env", "TERM=dumb", PROGRAM, "start", "--config", peers.config, "--exit-on-last-event"],
    peers.folder,
  );
  await terminal.waitFor("Stopped sent=400");
  assert.equal(await terminal.end(), 0);
  assert.ok(!terminal.screen.includes("Catching up"), terminal.screen);
});
