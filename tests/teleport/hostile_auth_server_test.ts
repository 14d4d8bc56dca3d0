/** What an auth server can do to us that no good one does: each is over soon, and costs little. */
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import type { Fault, FaultKind } from "../../src/core/fault.ts";
import { createAuthConnection } from "../../src/teleport/auth_connection.ts";
import { toTeleportFault } from "../../src/teleport/grpc_fault.ts";
import { teleportCertificates } from "../support/certificates.ts";
import {
  encodeHeaders,
  END_HEADERS,
  END_STREAM,
  envelope,
  FRAME,
  GRPC_HEADERS,
  grpcAnswer,
  MAX_FRAME_BYTES,
  type RawCall,
  type RawFrame,
  startRawHttp2Server,
} from "../support/raw_http2_server.ts";

const TIMEOUT_MS = 500;
const MIB = 1024 * 1024;
/** What both ends of a flood may take together in that time: frames on their way, and garbage. */
const MAX_GROWN_BYTES = 256 * MIB;

const MAX_FLOOD = 1000;

const HEAD: RawFrame = { type: FRAME.headers, flags: END_HEADERS, payload: GRPC_HEADERS };
/** Packed a thousand to one. */
const ZEROS = gzipSync(new Uint8Array(16 * MIB));
const FULL = new Uint8Array(MAX_FRAME_BYTES);

/** Asks a server that answers so for a page, and returns the fault that comes of it. */
async function call(answer: (call: RawCall) => Promise<void>): Promise<Fault> {
  const { client, hostAuthority } = await teleportCertificates();
  await using server = await startRawHttp2Server(answer);
  using connection = createAuthConnection({
    host: "127.0.0.1",
    port: server.port,
    credentials: {
      key: client.privateKeyPem,
      certificate: client.certificatePem,
      authorities: [hostAuthority.certificatePem],
    },
    callTimeoutMs: TIMEOUT_MS,
  });
  const startMs = performance.now();
  const before = Deno.memoryUsage().rss;
  const error = await connection.auditLog.getUnstructuredEvents({}).then(
    () => assert.fail("It was answered"),
    (error) => error,
  );
  const tookMs = performance.now() - startMs;
  assert.ok(tookMs < 10 * TIMEOUT_MS, `took ${tookMs} ms`);
  const grown = Deno.memoryUsage().rss - before;
  assert.ok(grown < MAX_GROWN_BYTES, `${grown} bytes`);
  const fault = toTeleportFault("read the audit log", error);
  assert.ok(fault.text.length < 700, `${fault.text.length} characters`);
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(fault.text, /[\x00-\x1f\x7f-\x9f]/);
  return fault;
}

/**
 * Sends frames again and again until the client leaves, and then nothing: a flood without an end would
 * keep this process, which is both sides, from looking at its clock.
 */
async function flood(call: RawCall, ...frames: readonly RawFrame[]): Promise<void> {
  for (let i = 0; i < MAX_FLOOD; i++) await call.send(...frames);
}

/** The end of a call that failed with these words. */
function trailers(status: number, message: string): RawFrame {
  const payload = encodeHeaders([["grpc-status", String(status)], ["grpc-message", message]]);
  return { type: FRAME.headers, flags: END_HEADERS | END_STREAM, payload };
}

/** A message that says of itself how it is packed. */
async function sendPacked(call: RawCall, encoding: string, message: Uint8Array): Promise<void> {
  const payload = encodeHeaders([
    [":status", "200"],
    ["content-type", "application/grpc"],
    ["grpc-encoding", encoding],
  ]);
  await call.send({ type: FRAME.headers, flags: END_HEADERS, payload });
  const bytes = envelope(message, { flags: 1 });
  for (let at = 0; at < bytes.length; at += MAX_FRAME_BYTES) {
    await call.send({ type: FRAME.data, payload: bytes.subarray(at, at + MAX_FRAME_BYTES) });
  }
  await call.send(trailers(0, ""));
}

Deno.test("createAuthConnection() takes the empty page of the raw server, so that its faults are meant", async () => {
  await assert.rejects(
    call((call) => call.send(...grpcAnswer(new Uint8Array(0)))),
    /It was answered/,
  );
});

/** What the server does, what comes of it, and what is said. */
const CASES: readonly {
  readonly what: string;
  readonly kind: FaultKind;
  readonly says: RegExp;
  readonly answer: (call: RawCall) => Promise<void>;
}[] = [
  {
    what: "headers of 16 MB",
    kind: "unavailable",
    says: /timed out/,
    async answer(call) {
      await call.send({ type: FRAME.headers, payload: GRPC_HEADERS });
      const payload = encodeHeaders([["x-header", "v".repeat(16_000)]]);
      await flood(call, { type: FRAME.continuation, payload });
    },
  },
  {
    what: "trailers of a megabyte",
    kind: "unavailable",
    says: /timed out/,
    async answer(call) {
      const payload = encodeHeaders([["x-header", "v".repeat(16_000)]]);
      const more = { type: FRAME.continuation, payload };
      const first = encodeHeaders([["grpc-status", "13"]]);
      await call.send(HEAD, { type: FRAME.headers, flags: END_STREAM, payload: first });
      for (let i = 0; i < 64; i++) await call.send(more);
      await call.send({ type: FRAME.continuation, flags: END_HEADERS });
    },
  },
  {
    what: "50,000 informational headers",
    kind: "unavailable",
    says: /timed out/,
    answer(call) {
      const payload = encodeHeaders([[":status", "103"], ["link", "x".repeat(1000)]]);
      const hint = { type: FRAME.headers, flags: END_HEADERS, payload };
      return flood(call, ...Array<RawFrame>(50).fill(hint));
    },
  },
  {
    what: "a message of 4 GiB",
    kind: "unavailable",
    says: /Message of 4294967295 bytes, more than/,
    async answer(call) {
      await call.send(HEAD, { type: FRAME.data, payload: envelope(FULL.slice(9), { length: -1 }) });
      await flood(call, { type: FRAME.data, payload: FULL });
    },
  },
  {
    what: "a message that is announced and does not come",
    kind: "unavailable",
    says: /timed out/,
    answer: (call) =>
      call.send(HEAD, { type: FRAME.data, payload: envelope(FULL.slice(9), { length: 60 * MIB }) }),
  },
  {
    what: "more bytes than the window that it was given",
    kind: "unavailable",
    says: /timed out|lost/,
    async answer(call) {
      await call.send(HEAD, {
        type: FRAME.data,
        payload: envelope(FULL.slice(9), { length: 60 * MIB }),
      });
      await flood(call, { type: FRAME.data, payload: FULL });
    },
  },
  {
    what: "zeros in gzip, which it did not ask for",
    kind: "unavailable",
    says: /unsupported response encoding "gzip"/,
    answer: (call) => sendPacked(call, "gzip", ZEROS),
  },
  {
    what: "an encoding that nobody knows",
    kind: "unavailable",
    says: /unsupported response encoding "rot13"/,
    answer: (call) => sendPacked(call, "rot13", FULL),
  },
  {
    what: "100,000 pings",
    kind: "unavailable",
    says: /timed out|lost/,
    answer(call) {
      const ping = { type: FRAME.ping, streamId: 0, payload: new Uint8Array(8) };
      return flood(call, ...Array<RawFrame>(100).fill(ping));
    },
  },
  {
    what: "100,000 settings",
    kind: "unavailable",
    says: /timed out|lost/,
    answer(call) {
      const payload = new Uint8Array([0, 3, 0, 0, 0, 100]);
      const settings = { type: FRAME.settings, streamId: 0, payload };
      return flood(call, ...Array<RawFrame>(100).fill(settings));
    },
  },
  {
    what: "100,000 empty frames",
    kind: "unavailable",
    says: /timed out|lost/,
    async answer(call) {
      await call.send(HEAD);
      await flood(call, ...Array<RawFrame>(100).fill({ type: FRAME.data }));
    },
  },
  {
    what: "a push of what nobody asked for",
    kind: "unavailable",
    says: /lost/,
    answer(call) {
      const payload = new Uint8Array([0, 0, 0, 2, ...GRPC_HEADERS]);
      return call.send({ type: FRAME.push, flags: END_HEADERS, payload });
    },
  },
  {
    what: "bytes that are no frames",
    kind: "unavailable",
    says: /lost/,
    answer: (call) => call.write(new Uint8Array(60_000).fill(0xff)),
  },
  {
    what: "words that paint the terminal and forge a line",
    kind: "denied",
    says: /: \[2J no INFO\[0000\] Event sent \(PermissionDenied\)/,
    answer: (call) =>
      call.send(HEAD, trailers(7, "%1B[2J%0D%0Ano%0AINFO[0000] Event sent%9B".slice(0, -3))),
  },
  {
    what: "a status that does not exist",
    kind: "unavailable",
    says: /\((Unknown|Internal)\)/,
    answer: (call) => call.send(HEAD, trailers(99, "no")),
  },
  {
    what: "words without an end",
    kind: "unavailable",
    says: /: x{300} \(Internal\)/,
    answer: (call) => call.send(HEAD, trailers(13, "x".repeat(14_000))),
  },
  {
    what: "a message of a million nested groups",
    kind: "unavailable",
    says: /Cannot read the audit log/,
    async answer(call) {
      const bytes = envelope(new Uint8Array(MIB).fill(0x7b));
      await call.send(HEAD);
      for (let at = 0; at < bytes.length; at += MAX_FRAME_BYTES) {
        await call.send({ type: FRAME.data, payload: bytes.subarray(at, at + MAX_FRAME_BYTES) });
      }
      await call.send(trailers(0, ""));
    },
  },
];

for (const { answer, kind, says, what } of CASES) {
  Deno.test({
    name: `createAuthConnection() ends a call soon, as ${kind}, that is answered by ${what}`,
    // A stream that closes after its connection was disposed of sets a timer of that once more.
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      const fault = await call(answer);
      assert.match(fault.message, says);
      assert.equal(fault.kind, kind);
    },
  });
}
