import assert from "node:assert/strict";
import type { AtTooLarge } from "../support/audit_log.ts";
import { buildEvent, buildEvents } from "../support/events.ts";
import { startFakePeers } from "../support/fake_peers.ts";
import { startProgram } from "../support/program.ts";

const LARGE = "an event of more than 1 MiB";

/** A handler before a server that cannot give one of its events. */
async function startAll(atTooLarge: AtTooLarge, isLive: boolean) {
  await using stack = new AsyncDisposableStack();
  const startMs = Date.now() - (isLive ? 600_000 : 3 * 86_400_000);
  const events = buildEvents({ count: 60, startMs, spanMs: 300_000 });
  const large = { ...buildEvent({ timeMs: events[29]!.timeMs + 1 }), id: LARGE };
  const peers = stack.use(
    await startFakePeers({
      events: [...events, large],
      auth: { isTooLarge: ({ id }) => id === LARGE, atTooLarge },
      extra: {
        "start-time": `"${new Date(startMs - 1000).toISOString()}"`,
        "stall-after": '"500ms"',
      },
    }),
  );
  const program = stack.use(startProgram({ args: ["start", "--config", peers.config] }));
  const held = stack.move();
  return { ...peers, program, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

for (const isLive of [false, true]) {
  for (const atTooLarge of ["end", "same key", "first key"] as const) {
    const when = isLive ? "of the last minutes" : "of days ago";
    Deno.test(`A server that stops at an event ${when} (${atTooLarge}) is told of once and read around, and all others arrive once`, async () => {
      await using all = await startAll(atTooLarge, isLive);
      await all.program.waitForLine(/INFO.*Progress again/);
      const fresh = buildEvent({ timeMs: Date.now() });
      all.auth.append([fresh]);
      await all.receiver.waitForEvents(61);
      all.program.kill();
      assert.equal((await all.program.waitForExit()).code, 0);
      const ids = all.receiver.fieldsOf("/test.log").map((fields) => fields["uid"]);
      assert.deepEqual(ids, all.auth.events.map(({ id }) => id).filter((id) => id !== LARGE));
      const loud = all.program.stderr.filter((line) => /^(WARN|ERRO)/.test(line));
      assert.equal(loud.length, 2, loud.join("\n"));
      assert.match(loud[0]!, /^WARN.*No progress: Teleport has an event of .* upgrade them/);
      assert.match(loud[1]!, /^ERRO.*Given up: Teleport may have events between /);
      assert.ok(all.auth.requests.length < 400, `${all.auth.requests.length} calls`);
    });
  }
}
