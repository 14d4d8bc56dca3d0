import assert from "node:assert/strict";
import { systemClock } from "../../src/core/clock.ts";
import { Fault } from "../../src/core/fault.ts";
import { KvServer } from "../../src/state/kv_server.ts";
import { fluentdCertificates } from "../support/certificates.ts";
import { createKvClient, DENOKV_TOKEN } from "../support/denokv.ts";

/** What a server says about itself, unless a test says otherwise. */
const METADATA = {
  version: 3,
  databaseId: "00000000-0000-0000-0000-000000000000",
  endpoints: [{ url: "/v2", consistency: "strong" }],
  token: "for-a-while",
  expiresAt: new Date(Date.now() + 86_400_000).toISOString(),
};

type Handler = (request: Request) => Response | Promise<Response>;

/** An HTTP server on this machine that answers as it is told. */
function serve(handler: Handler, tls?: { readonly cert: string; readonly key: string }) {
  const options = { hostname: "127.0.0.1", port: 0, onListen() {}, ...tls };
  const server = Deno.serve(options, handler);
  const { port } = server.addr;
  return {
    url: tls === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function json(value: unknown, init: ResponseInit = {}): Response {
  return new Response(JSON.stringify(value), {
    ...init,
    headers: { "content-type": "application/json", ...init.headers },
  });
}

function redirectTo(location: string): Response {
  return new Response(null, { status: 302, headers: { location } });
}

/** Answers the exchange with metadata, and the data path with `data`. */
function server(metadata: unknown, data: Handler = () => new Response(null, { status: 500 })) {
  return (request: Request) =>
    new URL(request.url).pathname === "/" ? json(metadata) : data(request);
}

async function faultOf(work: Promise<unknown>): Promise<Fault> {
  const error = await work.then((value) => value, (error: unknown) => error);
  assert.ok(error instanceof Fault, `no fault: ${Deno.inspect(error)}`);
  assert.equal(error.kind, "state");
  assert.ok(!error.text.includes(DENOKV_TOKEN), error.text);
  assert.ok(!error.text.includes("for-a-while"), error.text);
  return error;
}

/** A stream of bytes that goes on for ever, and of which packing makes no less. */
function endless(): ReadableStream<Uint8Array> {
  const bytes = crypto.getRandomValues(new Uint8Array(65_536));
  return new ReadableStream({ pull: (controller) => controller.enqueue(bytes) });
}

function gzip() {
  return new CompressionStream("gzip") as ReadableWritablePair<Uint8Array, Uint8Array>;
}

function protobuf(bytes: Uint8Array<ArrayBuffer>): Response {
  return new Response(bytes, { headers: { "content-type": "application/x-protobuf" } });
}

/** What a server may do, what is said of it, and whether someone must change something. */
const STRANGE: readonly (readonly [string, Handler, RegExp, boolean])[] = [
  [
    "a web server",
    () => new Response("<html>Welcome!</html>", { headers: { "content-type": "text/html" } }),
    /answers like a web server, with HTML\. storage must be the URL of a KV Connect server/,
    true,
  ],
  [
    "a web server that knows no such page",
    () =>
      new Response("<html>no</html>", { status: 404, headers: { "content-type": "text/html" } }),
    /answers 404\. storage must be the URL/,
    true,
  ],
  [
    "a redirect to another host",
    () => redirectTo("https://evil.test/x?y=z"),
    /answers 302: it is at 'https:\/\/evil\.test\/x'\. The token goes nowhere else/,
    true,
  ],
  [
    "a refused token, whose answer says it aloud",
    (request) => new Response(`No ${request.headers.get("authorization")}!`, { status: 401 }),
    /does not accept the token: 401 \(No Bearer \*\*\*\)\. Put its access token into DENO_KV_ACC/,
    true,
  ],
  [
    "a redirect whose path holds the token",
    () => redirectTo(`https://evil.test/login/${DENOKV_TOKEN}`),
    /answers 302: it is at 'https:\/\/evil\.test'\. The token goes nowhere else/,
    true,
  ],
  [
    "a token without rights",
    () => new Response("forbidden", { status: 403 }),
    /does not accept the token: 403 \(forbidden\)/,
    true,
  ],
  [
    "a server that is not ready",
    () => new Response("starting up", { status: 503 }),
    /is not ready: 503 \(starting up\)\. Nothing is lost meanwhile/,
    false,
  ],
  [
    "a server that is asked too often",
    () => new Response("slow down", { status: 429 }),
    /is not ready: 429/,
    false,
  ],
  ["text", () => new Response("hello"), /answers what is no JSON/, true],
  ["JSON of another kind", () => json([1]), /speaks version none of KV Connect/, true],
  ["null", () => json(null), /answers JSON that is no object/, true],
  [
    "a version that is not known",
    server({ ...METADATA, version: 4 }),
    /speaks version 4 of KV Connect, and this program 2 and 3/,
    true,
  ],
  ["no token", server({ ...METADATA, token: "" }), /gives no token for reads and writes/, true],
  [
    "a token that would be a header of its own",
    server({ ...METADATA, token: "a\r\nx: y" }),
    /gives no token/,
    true,
  ],
  [
    "no database",
    server({ ...METADATA, databaseId: undefined }),
    /does not say which database it has/,
    true,
  ],
  [
    "no place for writes",
    server({ ...METADATA, endpoints: [{ url: "/v2", consistency: "eventual" }] }),
    /names no place for consistent reads and writes/,
    true,
  ],
  [
    "a place in clear on another host",
    server({ ...METADATA, endpoints: [{ url: "http://evil.test/v2", consistency: "strong" }] }),
    /sends reads and writes in clear to 'http:\/\/evil\.test'/,
    true,
  ],
  [
    "a place on another host for our own token",
    server({
      ...METADATA,
      token: DENOKV_TOKEN,
      endpoints: [{ url: "https://evil.test/v2", consistency: "strong" }],
    }),
    /sends reads and writes, with the token of the settings, to 'https:\/\/evil\.test'/,
    true,
  ],
  [
    "a place that is a file",
    server({ ...METADATA, endpoints: [{ url: "file:///etc/passwd", consistency: "strong" }] }),
    /names a place for reads and writes that is no URL of http/,
    true,
  ],
  [
    "no end of its metadata",
    server({ ...METADATA, expiresAt: "tomorrow" }),
    /does not say until when/,
    true,
  ],
  ["an endless answer", () => new Response(endless()), /answers more than was asked for/, true],
  [
    "a packed answer that is endless unpacked",
    () =>
      new Response(endless().pipeThrough(gzip()), {
        headers: { "content-encoding": "gzip" },
      }),
    /answers more than was asked for/,
    true,
  ],
  [
    "HTML where data should be",
    server(METADATA, () => new Response("<p>", { headers: { "content-type": "text/html" } })),
    /answers like a web server, with HTML/,
    true,
  ],
  [
    "bytes that are no message",
    server(METADATA, () => protobuf(new Uint8Array([0xff, 0xff, 0xff]))),
    /answers what is no message of KV Connect/,
    true,
  ],
  [
    "a message of another size",
    server(METADATA, () => protobuf(new Uint8Array([0x20, 1, 0x40, 1]))),
    /answers a read with something else/,
    true,
  ],
  [
    "a copy that may be behind",
    server(METADATA, () => protobuf(new Uint8Array([0x0a, 0, 0x40, 1]))),
    /can be read at most: it takes no writes/,
    true,
  ],
];

for (const [what, handler, text, lasting] of STRANGE) {
  Deno.test(`KvServer says what is wrong with ${what}`, async () => {
    await using odd = serve(handler);
    using db = createKvClient(odd.url);
    const fault = await faultOf(db.read([["x"]]));
    assert.match(fault.text, text);
    assert.ok(fault.text.startsWith(`State server '${odd.url}' `), fault.text);
    assert.equal(fault.lasting, lasting);
  });
}

Deno.test("KvServer gives its token to nobody but the host in storage, whatever that says", async () => {
  const heard: string[] = [];
  await using other = serve((request) => {
    heard.push(request.url);
    return new Response();
  });
  for (const status of [301, 302, 303, 307, 308]) {
    const headers = { location: `${other.url}/` };
    await using first = serve(() => new Response(null, { status, headers }));
    using db = createKvClient(first.url);
    assert.match((await faultOf(db.read([["x"]]))).text, new RegExp(`answers ${status}: it is at`));
  }
  const endpoints = [{ url: `${other.url}/v2`, consistency: "strong" }];
  await using pointing = serve(server({ ...METADATA, endpoints }));
  using db = createKvClient(pointing.url);
  assert.match((await faultOf(db.read([["x"]]))).text, /sends reads and writes in clear/);
  assert.deepEqual(heard, []);
});

Deno.test("KvServer shows nothing of its token, however short it is and however it is written", async () => {
  const token = "k3/y=";
  const ways = [`Bearer:${token}!`, encodeURIComponent(token), `?token=${encodeURI(token)}`];
  const inJson = [token.replace("/", String.raw`\/`), token.replace("=", String.raw`\u003D`)];
  for (const said of inJson) {
    await using open = serve(() => new Response(`{"token":"${said}"}`, { status: 401 }));
    using db = createKvClient(open.url, { readToken: () => Promise.resolve(token) });
    assert.match((await faultOf(db.read([["x"]]))).text, /401 \(\*\*\*\)/);
  }
  for (const said of ways) {
    await using open = serve(() => new Response(`No ${said}`, { status: 401 }));
    await using moved = serve(() => redirectTo(`https://evil.test/${said}`));
    for (const { url } of [open, moved]) {
      using db = createKvClient(url, { readToken: () => Promise.resolve(token) });
      const { text } = await faultOf(db.read([["x"]]));
      assert.match(text, /401 \(No \*\*\*\)|it is at 'https:\/\/evil\.test(\/)?'/);
      assert.doesNotMatch(text, /k3/);
    }
  }
});

Deno.test("KvServer asks again, once, when the server takes back what it said", async () => {
  let exchanges = 0;
  let accepted = "token-1";
  const found = new Uint8Array([0x0a, 0, 0x20, 1, 0x40, 1]);
  await using fickle = serve((request) => {
    if (new URL(request.url).pathname === "/") {
      return json({ ...METADATA, token: `token-${++exchanges}` });
    }
    const isTaken = request.headers.get("authorization") === `Bearer ${accepted}`;
    return isTaken ? protobuf(found) : new Response(null, { status: 401 });
  });
  using db = createKvClient(fickle.url);
  await db.read([["x"]]);
  await db.read([["x"]]);
  assert.equal(exchanges, 1);
  accepted = "token-2";
  await db.read([["x"]]);
  assert.equal(exchanges, 2);
  accepted = "none";
  assert.match((await faultOf(db.read([["x"]]))).text, /does not accept the token: 401/);
  assert.equal(exchanges, 3);
});

Deno.test("KvServer ends a call within its limit when nobody answers, and gives up the connection", async () => {
  const held = Promise.withResolvers<void>();
  await using silent = serve(async () => {
    await held.promise;
    return new Response();
  });
  using db = createKvClient(silent.url);
  const startedMs = performance.now();
  const fault = await faultOf(db.read([["x"]], { limitMs: 200 }));
  assert.match(fault.text, /has not answered within 0\.2 s\. Nothing is lost meanwhile/);
  assert.ok(performance.now() - startedMs < 2000);
  held.resolve();
});

Deno.test("KvServer ends a call within its limit when the token cannot be had, and when it is given up", async () => {
  const never = new Promise<string>(() => {});
  using db = createKvClient("http://127.0.0.1:9", { readToken: () => never });
  assert.match(
    (await faultOf(db.read([["x"]], { limitMs: 50 }))).text,
    /not answered within 0\.05/,
  );
  const given = new AbortController();
  const call = db.read([["x"]], { signal: given.signal });
  const reason = new Error("enough");
  given.abort(reason);
  await assert.rejects(call, reason);
});

Deno.test("KvServer trusts the authorities that it is given, and says when it knows none", async () => {
  const { authority, server: { certificatePem: cert, privateKeyPem: key } } =
    await fluentdCertificates();
  const found = new Uint8Array([0x0a, 0, 0x20, 1, 0x40, 1]);
  await using secure = serve(server(METADATA, () => protobuf(found)), { cert, key });
  using stranger = createKvClient(secure.url);
  const fault = await faultOf(stranger.read([["x"]]));
  assert.match(fault.text, /no known authority has signed; name that in storage-ca/);
  assert.ok(fault.lasting);
  using db = createKvClient(secure.url, { caCerts: [authority.certificatePem] });
  const [entry] = await db.read([["x"]]);
  assert.equal(entry!.value, undefined);
  await using clear = serve(() => protobuf(found));
  using plain = createKvClient(clear.url.replace("http:", "https:"));
  assert.match((await faultOf(plain.read([["x"]]))).text, /does not speak TLS at this port/);
});

Deno.test("KvServer says when nobody listens, and when a call is given up", async () => {
  using db = createKvClient("http://127.0.0.1:9");
  assert.match((await faultOf(db.read([["x"]]))).text, /cannot be reached: client error.*refused/);
  const reason = new Error("enough");
  const given = db.read([["x"]], { signal: AbortSignal.abort(reason) });
  await assert.rejects(given, reason);
});

Deno.test("KvServer says why it cannot ask when the token cannot be read any more", async () => {
  const db = new KvServer({
    url: "http://127.0.0.1:9",
    readToken: () => Promise.reject(new Fault("config", "The token file 'x' cannot be read")),
    timeoutMs: 1000,
    userAgent: "test",
    clock: systemClock,
  });
  const fault = await faultOf(db.read([["x"]]));
  assert.match(fault.text, /cannot be asked: The token file 'x' cannot be read/);
  assert.ok(fault.lasting);
});
