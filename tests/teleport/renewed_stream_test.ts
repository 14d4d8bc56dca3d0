import assert from "node:assert/strict";
import { Fault } from "../../src/core/fault.ts";
import { encodeSessionPosition } from "../../src/core/session_position.ts";
import { createAuthConnection } from "../../src/teleport/auth_connection.ts";
import { readTeleportCredentials } from "../../src/teleport/credentials.ts";
import { SessionStream } from "../../src/teleport/session_stream.ts";
import { startAuthpeer } from "../support/authpeer.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { peerTest } from "../support/peer.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const NEVER = new AbortController().signal;
const METHOD = "StreamUnstructuredSessionEvents";

// The library leaves timers for a connection that it has just closed; they keep nothing alive.
const LEAVES_TIMERS = { sanitizeOps: false, sanitizeResources: false };

peerTest(
  "A recording that takes longer than the old credentials is cut, and read on from there with the new ones",
  { needs: ["AUTHPEER"], ...LEAVES_TIMERS },
  async () => {
    await using folder = await temporaryFolder();
    await using authpeer = await startAuthpeer({
      dir: folder.path,
      flags: { mode: "legacy", events: 10, sessions: 1, "session-events": 1000 },
    });
    const [session] = await authpeer.control<{ sid: string; events: number }[]>("/sessions");
    await authpeer.control("/fault", { method: METHOD, kind: "hang", after_messages: 450 });
    const identity = authpeer.file("identity");
    const [host, port] = authpeer.address.split(":") as [string, string];
    const clock = new FakeClock();
    using connection = createAuthConnection({
      host,
      port: Number(port),
      credentials: await readTeleportCredentials({ identity }, Date.now()),
      clock,
    });
    const { auditLog } = connection;
    const stream = new SessionStream({
      auditLog,
      clock: new FakeClock(),
      sessionId: session!.sid,
    });

    const ids: string[] = [];
    let position = encodeSessionPosition({ index: 0, uploadMs: 0, attempts: 0, dueMs: 0 });
    const read = async (onPage: () => Promise<void>) => {
      for await (const page of stream.read(position, NEVER)) {
        ids.push(...page.events.map((event) => event.id));
        position = page.position;
        await onPage();
      }
    };
    let pages = 0;
    const reading = read(async () => {
      if (++pages !== 2) return;
      await authpeer.control("/rotate", {});
      connection.useCredentials(await readTeleportCredentials({ identity }, Date.now()));
      await clock.waitForSleepers();
      clock.advance(40_000);
    });
    await assert.rejects(reading, (error) => {
      assert.ok(error instanceof Fault && error.transient, `${error}`);
      assert.match(error.text, /Connection was replaced by a new one/);
      return true;
    });
    assert.ok(ids.length >= 400 && ids.length < 450, `${ids.length}`);
    await read(async () => {});
    assert.equal(new Set(ids).size, session!.events);
    assert.equal(ids.length, session!.events);
    const { connections } = await authpeer.control<{ connections: unknown[] }>("/connections");
    assert.equal(connections.length, 1);
  },
);
