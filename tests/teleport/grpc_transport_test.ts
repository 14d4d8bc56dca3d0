/** Calls of the gRPC protocol as frames on the wire show them: what is taken, and what is a failure. */
import assert from "node:assert/strict";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { setImmediate } from "node:timers/promises";
import { systemClock } from "../../src/core/clock.ts";
import { createAuthConnection } from "../../src/teleport/auth_connection.ts";
import {
  EventUnstructuredSchema,
  ExportEventUnstructuredSchema,
} from "../../src/teleport/gen/teleport/auditlog/v1/auditlog_pb.ts";
import { CallCutError } from "../../src/teleport/grpc_call.ts";
import { teleportCertificates } from "../support/certificates.ts";
import { FakeClock } from "../support/fake_clock.ts";
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

const HEAD: RawFrame = { type: FRAME.headers, flags: END_HEADERS, payload: GRPC_HEADERS };

function connectTo(
  port: number,
  { client, hostAuthority }: Awaited<ReturnType<typeof teleportCertificates>>,
  clock = systemClock,
) {
  return createAuthConnection({
    host: "127.0.0.1",
    port,
    credentials: {
      key: client.privateKeyPem,
      certificate: client.certificatePem,
      authorities: [hostAuthority.certificatePem],
    },
    callTimeoutMs: 1000,
    clock,
  });
}

/** What an export gave when the server answered so: cursors, batch by batch, and how it ended. */
async function readExport(answer: (call: RawCall, index: number) => Promise<void>) {
  await using server = await startRawHttp2Server(answer);
  using connection = connectTo(server.port, await teleportCertificates());
  const batches: string[][] = [];
  try {
    for await (const messages of connection.auditLog.exportUnstructuredEvents({}, {})) {
      batches.push(messages.map(({ cursor }) => cursor));
    }
    return { batches, cursors: batches.flat() };
  } catch (error) {
    assert.ok(error instanceof ConnectError, String(error));
    return { batches, cursors: batches.flat(), error };
  }
}

/** A message of an export, with its prefix. */
function item(cursor: string, bytes = 0): Uint8Array {
  const event = create(EventUnstructuredSchema, { unstructured: new Uint8Array(bytes) });
  const message = create(ExportEventUnstructuredSchema, { cursor, event });
  return envelope(toBinary(ExportEventUnstructuredSchema, message));
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

function data(payload: Uint8Array): RawFrame {
  return { type: FRAME.data, payload };
}

/** The end of an answer. */
function trailers(fields: readonly (readonly [string, string])[]): RawFrame {
  return { type: FRAME.headers, flags: END_HEADERS | END_STREAM, payload: encodeHeaders(fields) };
}

const WELL = trailers([["grpc-status", "0"]]);

Deno.test("GrpcTransport.readBatches() gives messages that come together as one batch, and one that spans frames whole", async () => {
  const bytes = concat(item("a"), item("b"), item("c"), item("d", 3 * MAX_FRAME_BYTES), item("e"));
  const { batches, error } = await readExport(async (call) => {
    await call.send(HEAD);
    for (let at = 0; at < bytes.length; at += MAX_FRAME_BYTES) {
      await call.send(data(bytes.subarray(at, at + MAX_FRAME_BYTES)));
    }
    await call.send(WELL);
  });
  assert.equal(error, undefined);
  assert.deepEqual(batches.flat(), ["a", "b", "c", "d", "e"]);
  assert.ok(batches.length < 5, `${batches.length} batches`);
});

Deno.test("GrpcTransport.readBatches() takes an answer without a message", async () => {
  const { batches, error } = await readExport((call) => call.send(HEAD, WELL));
  assert.deepEqual([batches, error], [[], undefined]);
});

/** How an answer may break off after two messages, and what is said. */
const BREAKS: readonly {
  readonly what: string;
  readonly code: Code;
  readonly says: RegExp;
  readonly frames: readonly RawFrame[];
}[] = [
  {
    what: "its status is an error, whose words are encoded",
    code: Code.Aborted,
    says: /gone é 100%/,
    frames: [trailers([["grpc-status", "10"], ["grpc-message", "gone %C3%A9 100%25"]])],
  },
  {
    what: "its details are an error, whatever the status",
    code: Code.PermissionDenied,
    says: /no access/,
    // google.rpc.Status: code 7, message "no access".
    frames: [
      trailers([["grpc-status", "0"], ["grpc-status-details-bin", "CAcSCW5vIGFjY2Vzcw"]]),
    ],
  },
  {
    what: "it has no status",
    code: Code.Internal,
    says: /missing status/,
    frames: [{ type: FRAME.data, flags: END_STREAM }],
  },
  {
    what: "its trailers have no status",
    code: Code.Internal,
    says: /missing status/,
    frames: [trailers([["x-other", "1"]])],
  },
  {
    what: "it ends within a message, with a good status",
    code: Code.DataLoss,
    says: /ends within a message/,
    frames: [data(item("c", 100).subarray(0, 50)), WELL],
  },
  {
    what: "the stream is reset",
    code: Code.Internal,
    says: /INTERNAL_ERROR/,
    frames: [{ type: FRAME.reset, payload: new Uint8Array([0, 0, 0, 2]) }],
  },
  {
    what: "the stream is reset without an error",
    code: Code.Internal,
    says: /missing status/,
    frames: [{ type: FRAME.reset, payload: new Uint8Array([0, 0, 0, 0]) }],
  },
  {
    what: "a message is packed",
    code: Code.Internal,
    says: /is packed/,
    frames: [data(envelope(new Uint8Array(3), { flags: 1 })), WELL],
  },
  {
    what: "a message is too large",
    code: Code.ResourceExhausted,
    says: /Message of 67108865 bytes/,
    frames: [data(envelope(new Uint8Array(3), { length: 64 * 1024 * 1024 + 1 })), WELL],
  },
  {
    what: "a message is none of its kind",
    code: Code.Internal,
    says: /no message of its kind/,
    frames: [data(envelope(new Uint8Array([0xff, 0xff]))), WELL],
  },
];

for (const { code, frames, says, what } of BREAKS) {
  Deno.test(`GrpcTransport.readBatches() gives what came before, and fails with ${Code[code]}, when ${what}`, async () => {
    const { cursors, error } = await readExport(async (call) => {
      await call.send(HEAD, data(concat(item("a"), item("b"))));
      await call.send(...frames);
    });
    assert.deepEqual(cursors, ["a", "b"]);
    assert.match(error?.message ?? "no error", says);
    assert.equal(error?.code, code);
  });
}

/** Answers that are a failure from their first frame on. */
const REFUSALS: readonly {
  readonly what: string;
  readonly code: Code;
  readonly says: RegExp;
  readonly fields: readonly (readonly [string, string])[];
}[] = [
  {
    what: "an error in its header alone",
    code: Code.Unimplemented,
    says: /unknown method/,
    fields: [
      [":status", "200"],
      ["content-type", "application/grpc"],
      ["grpc-status", "12"],
      ["grpc-message", "unknown method"],
    ],
  },
  {
    what: "HTTP 503",
    code: Code.Unavailable,
    says: /HTTP 503/,
    fields: [[":status", "503"], ["content-type", "text/html"]],
  },
  {
    what: "HTML",
    code: Code.Unknown,
    says: /text\/html/,
    fields: [[":status", "200"], ["content-type", "text/html"]],
  },
];

for (const { code, fields, says, what } of REFUSALS) {
  Deno.test(`GrpcTransport.readBatches() fails with ${Code[code]} for an answer of ${what}`, async () => {
    const { cursors, error } = await readExport((call) => call.send(trailers(fields)));
    assert.deepEqual(cursors, []);
    assert.match(error?.message ?? "no error", says);
    assert.equal(error?.code, code);
  });
}

Deno.test({
  name: "GrpcTransport.readBatches() gives a call up at its deadline, after what came before",
  // A stream that closes after its connection was disposed of sets a timer of that once more.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const { cursors, error } = await readExport((call) => call.send(HEAD, data(item("a"))));
    assert.deepEqual(cursors, ["a"]);
    assert.equal(error?.code, Code.DeadlineExceeded);
  },
});

Deno.test("GrpcTransport.readBatches() reads an answer to its end over a connection that takes no more calls, and calls anew over another", async () => {
  await using server = await startRawHttp2Server(async (call) => {
    await call.send(HEAD, data(item(`${call.connectionId}`)));
    // The last stream that it takes is this one.
    const payload = new Uint8Array([0, 0, 0, call.streamId, 0, 0, 0, 0]);
    await call.send({ type: FRAME.goAway, streamId: 0, payload });
    await call.send(data(item("last")), WELL);
  });
  using connection = connectTo(server.port, await teleportCertificates());
  for (const id of ["1", "2"]) {
    const cursors: string[] = [];
    for await (const messages of connection.auditLog.exportUnstructuredEvents({}, {})) {
      cursors.push(...messages.map(({ cursor }) => cursor));
    }
    assert.deepEqual(cursors, [id, "last"]);
  }
});

Deno.test("GrpcTransport.unary() wants one message, no less and no more", async () => {
  for (
    const [frames, says] of [
      [[HEAD, WELL], /no message/],
      [[HEAD, data(concat(...Array(2).fill(envelope(new Uint8Array(0))))), WELL], /more than one/],
      [[...grpcAnswer(new Uint8Array(0)).slice(0, 2), data(item("b")), WELL], /more than one/],
      [[HEAD, data(envelope(new Uint8Array(0))), trailers([["grpc-status", "14"]])], /unavailable/],
    ] as const
  ) {
    await using server = await startRawHttp2Server((call) => call.send(...frames));
    using connection = connectTo(server.port, await teleportCertificates());
    await assert.rejects(connection.auditLog.getUnstructuredEvents({}), says);
  }
});

/** What the server may send at first, and again as the client allows it. */
const WINDOW_BYTES = 1024 * 1024;
const PIECE = item("x", 16_000);
/** Sixteen times what may be on its way. */
const PIECES = 1000;
/** The client's window, what waits for its reader, and what lies in sockets. */
const MOST_AHEAD_BYTES = 4 * WINDOW_BYTES;

/** How many pieces were sent; no more are once it is disposed of. */
class Sent implements Disposable {
  count = 0;
  isOver = false;

  [Symbol.dispose](): void {
    this.isOver = true;
  }
}

/** Sends an answer of so many pieces as fast as the client allows, and counts them. */
async function sendAll(call: RawCall, sent: Sent): Promise<void> {
  await call.send(HEAD);
  while (sent.count < PIECES && !sent.isOver) {
    if ((sent.count + 1) * PIECE.length > WINDOW_BYTES + call.grantedBytes) await setImmediate();
    else await call.send(data(PIECE)).then(() => sent.count++);
  }
  await call.send(WELL);
}

/** Lets the server send whatever it may. */
async function idle(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await setImmediate();
}

Deno.test("GrpcTransport.readBatches() holds the server up while nobody reads, and gives everything in the end", async () => {
  await using server = await startRawHttp2Server((call) => sendAll(call, sent));
  using sent = new Sent();
  using connection = connectTo(server.port, await teleportCertificates());
  let received = 0;
  let mostAhead = 0;
  const limits = { timeoutMs: 0, mayBeCut: true };
  for await (const messages of connection.auditLog.exportUnstructuredEvents({}, limits)) {
    if (received < PIECES / 2) await idle(200);
    mostAhead = Math.max(mostAhead, sent.count - received);
    received += messages.length;
  }
  assert.equal(received, PIECES);
  assert.ok(mostAhead * PIECE.length < MOST_AHEAD_BYTES, `${mostAhead} messages`);
});

Deno.test("GrpcTransport.readBatches() ends a call that is not read for 5 s, so that others can go on over its connection", async () => {
  await using server = await startRawHttp2Server((call, index) =>
    index === 0 ? sendAll(call, sent) : call.send(...grpcAnswer(new Uint8Array(0)))
  );
  using sent = new Sent();
  const clock = new FakeClock();
  using connection = connectTo(server.port, await teleportCertificates(), clock);
  const limits = { timeoutMs: 0, mayBeCut: true };
  const batches = connection.auditLog.exportUnstructuredEvents({}, limits)[Symbol.asyncIterator]();
  let received = (await batches.next()).value!.length;
  await idle(500);
  const sentBefore = sent.count;
  await clock.advance(5000);
  await connection.auditLog.getUnstructuredEvents({}, { timeoutMs: 0 });
  await assert.rejects(async () => {
    for (let next = await batches.next(); !next.done; next = await batches.next()) {
      received += next.value.length;
    }
  }, CallCutError);
  assert.ok(received > 1 && received <= sentBefore, `${received} of ${sentBefore}`);
  assert.ok(received * PIECE.length < MOST_AHEAD_BYTES, `${received} messages`);
  assert.equal(server.connections, 1);
});
