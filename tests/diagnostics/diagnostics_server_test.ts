import assert from "node:assert/strict";
import { Fault } from "../../src/core/fault.ts";
import {
  answer,
  type DiagnosticsServerOptions,
  openDiagnosticsServer,
} from "../../src/diagnostics/diagnostics_server.ts";
import { DiagnosticsClient } from "../support/diagnostics_client.ts";

/** A server of some routes, and somebody who asks. */
function openServer(options: Partial<DiagnosticsServerOptions> = {}) {
  const client = new DiagnosticsClient();
  const errors: unknown[] = [];
  const server = openDiagnosticsServer({
    host: "127.0.0.1",
    port: client.port,
    name: "diagnostics-addr 'here'",
    routes: { "/it": () => answer(200, "it is") },
    onError: (error) => errors.push(error),
    ...options,
  });
  return {
    client,
    errors,
    server,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** Sends a request as it is written and returns the whole answer. */
async function ask(port: number, request: string): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(new TextEncoder().encode(request));
  return await new Response(connection.readable).text();
}

Deno.test("the server answers GET, and HEAD without a body", async () => {
  await using open = openServer();
  const { status, text } = await open.client.get("/it");
  assert.deepEqual([status, text], [200, "it is\n"]);
  const head = await open.client.get("/it", { method: "HEAD" });
  assert.deepEqual([head.status, head.text], [200, ""]);
  assert.equal(head.headers.get("content-length"), "6");
});

for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"]) {
  Deno.test(`the server answers ${method} with 405 and what it does answer`, async () => {
    await using open = openServer();
    const { headers, status } = await open.client.get("/it", { method });
    assert.deepEqual([status, headers.get("allow")], [405, "GET, HEAD"]);
  });
}

for (const path of ["/", "/it/", "/IT", "/constructor", "/__proto__", "//it", "/it%2f"]) {
  Deno.test(`the server answers ${path} with 404, as there is no such route`, async () => {
    await using open = openServer();
    assert.equal((await open.client.get(path)).status, 404);
  });
}

Deno.test("every answer forbids caching, framing, sniffing and scripts", async () => {
  await using open = openServer();
  for (const path of ["/it", "/nothing"]) {
    const { headers } = await open.client.get(path);
    assert.equal(headers.get("cache-control"), "no-store");
    assert.match(headers.get("content-security-policy") ?? "", /default-src 'none'/);
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.equal(headers.get("x-frame-options"), "DENY");
    assert.equal(headers.get("referrer-policy"), "no-referrer");
    assert.equal(headers.get("cross-origin-resource-policy"), "same-origin");
    assert.equal(headers.get("access-control-allow-origin"), null);
  }
});

Deno.test("a route may have a policy of its own", async () => {
  const policy = "default-src 'self'";
  await using open = openServer({
    routes: { "/it": () => answer(200, "it is", { "content-security-policy": policy }) },
  });
  const { headers } = await open.client.get("/it");
  assert.equal(headers.get("content-security-policy"), policy);
});

Deno.test("a URL that is too long is answered with 414", async () => {
  await using open = openServer();
  assert.equal((await open.client.get(`/it?${"x".repeat(3000)}`)).status, 414);
});

Deno.test("more than 32 requests at once are answered with 503, and the server goes on", async () => {
  const gate = Promise.withResolvers<void>();
  await using open = openServer({
    routes: { "/it": () => gate.promise.then(() => answer(200, "it is")) },
  });
  const statuses: number[] = [];
  const over = Promise.withResolvers<void>();
  const asking = Array.from({ length: 40 }, async () => {
    const { status } = await open.client.get("/it");
    statuses.push(status);
    if (statuses.length === 8) over.resolve();
  });
  await over.promise;
  assert.deepEqual(statuses, Array(8).fill(503));
  gate.resolve();
  await Promise.all(asking);
  assert.deepEqual(statuses.slice(8), Array(32).fill(200));
  assert.equal((await open.client.get("/it")).status, 200);
});

Deno.test("a route that fails is told of, and its reason is not in the answer", async () => {
  await using open = openServer({
    routes: {
      "/it"() {
        throw new Error("a reason");
      },
    },
  });
  const { status, text } = await open.client.get("/it");
  assert.deepEqual([status, text], [500, "Internal error\n"]);
  assert.equal(open.errors.length, 1);
});

Deno.test("a server on loopback does not answer to another name, which a page elsewhere may use", async () => {
  await using open = openServer();
  for (const [host, status] of [["evil.example.com", 421], ["localhost", 200], ["[::1]", 200]]) {
    const request = `GET /it HTTP/1.1\r\nHost: ${host}:3000\r\nConnection: close\r\n\r\n`;
    assert.match(await ask(open.client.port, request), new RegExp(`^HTTP/1.1 ${status} `));
  }
});

Deno.test("a server on every address answers to any name", async () => {
  await using open = openServer({ host: "0.0.0.0" });
  const request = "GET /it HTTP/1.1\r\nHost: handler.example.com\r\nConnection: close\r\n\r\n";
  assert.match(await ask(open.client.port, request), /^HTTP\/1\.1 200 /);
});

Deno.test("connections that say nothing do not keep others from an answer", async () => {
  await using open = openServer();
  using stack = new DisposableStack();
  for (let i = 0; i < 100; i++) {
    stack.use(await Deno.connect({ hostname: "127.0.0.1", port: open.client.port }));
  }
  assert.equal((await open.client.get("/it")).status, 200);
});

Deno.test("nonsense on the connection is answered with 400, or by closing it", async () => {
  await using open = openServer();
  const said = await ask(open.client.port, "\x16\x03\x01 hello\r\n\r\n");
  assert.ok(said === "" || said.startsWith("HTTP/1.1 400 "), said);
  assert.equal((await open.client.get("/it")).status, 200);
});

Deno.test("closing the server does not wait for who is connected", async () => {
  const open = openServer();
  await open.client.get("/it");
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: open.client.port });
  await connection.write(new TextEncoder().encode("GET /it HTTP/1.1\r\n"));
  await open[Symbol.asyncDispose]();
  await assert.rejects(open.client.get("/it"));
});

Deno.test("openDiagnosticsServer() names an address that is in use, and what to do", async () => {
  await using open = openServer();
  assert.throws(
    () => openServer({ port: open.client.port }),
    (error) =>
      error instanceof Fault && error.kind === "config" &&
      error.text === "Cannot listen on diagnostics-addr 'here': the address is in use. " +
          "Stop what listens there, or set diagnostics-addr to another port",
  );
});
