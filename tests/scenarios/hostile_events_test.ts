/** Events that somebody made up to do harm: what they can reach is their own place. */
import assert from "node:assert/strict";
import { buildEvent, type EventFields } from "../support/events.ts";
import { startFakePeers } from "../support/fake_peers.ts";
import { startProgram } from "../support/program.ts";

/** What paints, moves the cursor, forges a line, turns the reading direction. */
const PAINT = "\x1b[2J\x1b]0;owned\x07\r\nINFO[0000] Event sent id=forged\x9b31m\u202e\u2028";
/** Session ids that would leave their place. */
const SIDS = [
  "../../etc/passwd",
  "..",
  "a/b",
  "%2e%2e%2fx",
  "a?b=c",
  "a#b",
  "@evil.example",
  "a b",
  "a\r\nHost: evil",
  PAINT,
  "x".repeat(5000),
  "",
];

/** An event of about now, so that it is told of by its own line. */
function event(type: string, fields: EventFields, id?: string) {
  return buildEvent({
    type,
    fields,
    timeMs: Date.now() - 1000,
    ...(id === undefined ? {} : { id }),
  });
}

function nest(levels: number): EventFields {
  return levels === 0 ? {} : { d: nest(levels - 1) };
}

for (const format of ["text", "json"]) {
  Deno.test(`Events made to do harm arrive or are set aside, and do nothing to logs in ${format}, URLs and files`, async () => {
    const events = [
      ...SIDS.map((sid) => event("session.upload", { sid })),
      event(PAINT, { user: PAINT }, PAINT),
      event("user.login", { user: PAINT, success: false }, "../../up"),
      event("user.login", { huge: "x".repeat(3 * 1024 * 1024) }, "huge"),
      event("user.login", nest(99), "deep"),
      event("user.login", { a: 1 }, "i".repeat(100_000)),
      event("user.login", { a: 1 }, "refused"),
    ];
    await using peers = await startFakePeers({ events });
    peers.receiver.rejectIf((event) => event["uid"] === "refused");
    await using program = startProgram({
      args: [
        ...["start", "--config", peers.config, "--exit-on-last-event", "--debug"],
        ...["--log-format", format, "--start-time", new Date(Date.now() - 60_000).toISOString()],
      ],
      umask: "000",
    });
    const { code } = await program.waitForExit();
    const output = [...program.stdout, ...program.stderr];
    assert.equal(code, 0, output.join("\n"));

    // All but the one that is too deep and the one that was refused.
    const uids = new Set(peers.receiver.fieldsOf("/test.log").map((event) => event["uid"]));
    const expected = events.map(({ id }) => id).filter((id) => id !== "deep" && id !== "refused");
    assert.deepEqual(expected.filter((id) => !uids.has(id)), []);
    assert.deepEqual(
      [...new Set(peers.receiver.requests.map(({ path }) => path))],
      ["/test.log"],
      "a session id left its place",
    );
    for (const line of output) {
      // deno-lint-ignore no-control-regex
      assert.doesNotMatch(line, /[\x00-\x1f\x7f-\x9f\u202e\u2028]/);
      assert.doesNotMatch(line, /^INFO\[0000\] Event sent id=forged/);
      assert.ok(line.length < 10_000, `a line of ${line.length} characters`);
    }
    assert.deepEqual(await findOpenPlaces(`${peers.folder}/storage`), []);
    for await (const { name } of Deno.readDir(`${peers.storage}/quarantine`)) {
      assert.match(name, /^events(-\d+)?\.jsonl$/);
    }
  });
}

/** Files that others may read, and folders that others may enter. */
async function findOpenPlaces(path: string): Promise<string[]> {
  const { isDirectory, mode } = await Deno.lstat(path);
  const isOpen = (mode! & 0o777) !== (isDirectory ? 0o700 : 0o600);
  const found = isOpen ? [`${path} (mode ${(mode! & 0o777).toString(8)})`] : [];
  if (!isDirectory) return found;
  for await (const { name } of Deno.readDir(path)) {
    found.push(...await findOpenPlaces(`${path}/${name}`));
  }
  return found;
}
