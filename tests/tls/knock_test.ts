import assert from "node:assert/strict";
import { knock } from "../../src/tls/knock.ts";
import { TlsFailure } from "../../src/tls/open_tls.ts";

const NEVER = new AbortController().signal;

Deno.test("knock ends where somebody listens, and leaves no connection behind", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const [, connection] = await Promise.all([
    knock({ host: "127.0.0.1", port }, NEVER),
    listener.accept(),
  ]);
  assert.equal(await connection.read(new Uint8Array(1)), null, "it is closed");
  connection.close();
});

Deno.test("knock fails where nobody listens, in the words of node:tls", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  await assert.rejects(knock({ host: "127.0.0.1", port }, NEVER), (error) => {
    assert.ok(error instanceof TlsFailure && !error.wasConnected);
    assert.equal(error.message, `connect ECONNREFUSED 127.0.0.1:${port}`);
    return true;
  });
});

Deno.test("knock ends with the reason of a signal", async () => {
  const reason = new Error("enough");
  await assert.rejects(
    knock({ host: "127.0.0.1", port: 1 }, AbortSignal.abort(reason)),
    (error) => error instanceof TlsFailure && error.cause === reason,
  );
});
