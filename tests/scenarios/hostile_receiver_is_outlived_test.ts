import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { writeFluentdFiles, writeTeleportFiles } from "../support/certificates.ts";
import { buildEvents } from "../support/events.ts";
import { startFakeAuthServer } from "../support/fake_auth_server.ts";
import { startProgram } from "../support/program.ts";
import { type RawExchange, startRawReceiver } from "../support/raw_receiver.ts";
import { writeSettings } from "../support/settings_file.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const BOMB = gzipSync(new Uint8Array(64 * 1024 * 1024));
const PAINT = "\x1b[2J\x1b]0;owned\x07\r\nINFO[0000] Event sent id=forged \x9b31m\u202e";

async function flood(exchange: RawExchange, text: string): Promise<void> {
  for (;;) await exchange.write(text);
}

/** What the receiver does with one request after the other, before it takes the next. */
function abuses(elsewhere: string): readonly ((exchange: RawExchange) => Promise<void>)[] {
  return [
    async (exchange) => {
      await exchange.write("HTTP/1.1 200 OK\r\n");
      await flood(exchange, `x: ${"v".repeat(8000)}\r\n`);
    },
    async (exchange) => {
      const { length } = BOMB;
      const head = `Content-Encoding: gzip\r\nContent-Length: ${length}`;
      await exchange.write(`HTTP/1.1 503 No\r\n${head}\r\n\r\n`);
      await exchange.write(BOMB);
    },
    (exchange) => flood(exchange, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(100)),
    async (exchange) => {
      const bytes = new TextEncoder().encode(PAINT);
      await exchange.write(`HTTP/1.1 503 No\r\nContent-Length: ${bytes.length}\r\n\r\n`);
      await exchange.write(bytes);
    },
    (exchange) =>
      exchange.write(
        `HTTP/1.1 307 Go\r\nLocation: ${elsewhere}\r\nContent-Length: 0\r\n\r\n`,
      ),
  ];
}

Deno.test("A receiver that abuses five requests gets the sixth, and nothing else of us", async () => {
  await using folder = await temporaryFolder();
  const startMs = Date.now() - 86_400_000;
  await using auth = await startFakeAuthServer({
    events: buildEvents({ count: 50, startMs, spanMs: 3_600_000 }),
  });
  await using other = await startRawReceiver((exchange) => exchange.write(OK));
  const answers = abuses(other.url.replace("localhost", "127.0.0.1"));
  await using receiver = await startRawReceiver(async (exchange, index) => {
    await (answers[index] ?? ((exchange) => exchange.write(OK)))(exchange);
  });
  const config = await writeSettings({
    folder: folder.path,
    address: auth.address,
    identity: (await writeTeleportFiles(folder.path)).identity,
    url: (path) => receiver.url.replace("/test.log", path),
    files: await writeFluentdFiles(folder.path),
    extra: { "fluentd-timeout": '"1s"', "start-time": new Date(startMs).toISOString() },
  });
  await using program = startProgram({
    args: ["start", "--config", config, "--exit-on-last-event"],
  });
  const { code } = await program.waitForExit();
  const output = program.stderr.join("\n");
  assert.equal(code, 0, output);
  assert.match(output, /Fluentd is available again .*failed_attempts=5/);
  assert.match(output, /Stopped sent=50/);
  assert.equal(other.connections, 0, "the redirect was followed");
  for (const line of program.stderr) {
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(line, /[\x00-\x1f\x7f-\x9f\u202e]|^INFO\[0000\] Event sent id=forged/);
    assert.ok(line.length < 1000, `a line of ${line.length} characters`);
  }
});
