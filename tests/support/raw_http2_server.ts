/**
 * An HTTP/2 server that writes any frames whatsoever, over TLS with the certificate of an auth server:
 * for what no library would send. It opens each connection as the protocol wants it, acknowledges what
 * needs it, and does `answer` for each request once that has come whole. It asks for no client
 * certificate.
 */
import { teleportCertificates } from "./certificates.ts";

/** Types of frames (RFC 9113, section 6). */
export const FRAME = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goAway: 7,
  window: 8,
  continuation: 9,
} as const;
/** Flags of frames. */
export const END_STREAM = 0x1;
export const ACK = 0x1;
export const END_HEADERS = 0x4;

/** Largest frame that a client takes unless it says more. */
export const MAX_FRAME_BYTES = 16_384;

/** A frame to write. */
export interface RawFrame {
  readonly type: number;
  readonly flags?: number;
  /** @default {the stream of the call} */
  readonly streamId?: number;
  readonly payload?: Uint8Array;
}

/** What to do with a request, in place of a server. */
export interface RawCall {
  readonly streamId: number;
  /** Number of the connection, from 1. */
  readonly connectionId: number;
  /** Bytes that the client has allowed for the stream beyond its first window. */
  readonly grantedBytes: number;
  /** Writes frames as they are; fails when the client is gone. */
  send(...frames: readonly RawFrame[]): Promise<void>;
  /** Writes bytes that need not be frames. */
  write(bytes: Uint8Array): Promise<void>;
  /** Closes the connection. */
  close(): void;
}

/** A running server. Disposing closes everything. */
export interface RawHttp2Server extends AsyncDisposable {
  readonly port: number;
  /** Connections made so far. */
  readonly connections: number;
  /** Connections that are open now. */
  readonly openConnections: number;
}

/** Starts a server that does `answer` for each request. */
export async function startRawHttp2Server(
  answer: (call: RawCall, index: number) => Promise<void> | void,
): Promise<RawHttp2Server> {
  const { server } = await teleportCertificates();
  const listener = Deno.listenTls({
    hostname: "127.0.0.1",
    port: 0,
    cert: server.certificatePem,
    key: server.privateKeyPem,
    alpnProtocols: ["h2"],
  });
  const open = new Set<Deno.TlsConn>();
  const jobs = new Set<Promise<void>>();
  let connections = 0;
  let calls = 0;
  const close = (connection: Deno.TlsConn) => {
    if (open.delete(connection)) connection.close();
  };
  const start = (work: Promise<void>) => {
    // The client may break the connection at any point.
    const job = work.catch(() => {}).finally(() => jobs.delete(job));
    jobs.add(job);
  };
  const serve = async (connection: Deno.TlsConn, connectionId: number) => {
    const reader = new FrameReader(connection);
    await reader.skip(PREFACE_BYTES);
    const write = (bytes: Uint8Array) => writeAll(connection, bytes);
    await write(encodeFrame({ type: FRAME.settings }, 0));
    const granted = new Map<number, number>();
    for (let frame = await reader.next(); frame !== undefined; frame = await reader.next()) {
      const { flags, payload, streamId, type } = frame;
      if (type === FRAME.settings && (flags & ACK) === 0) {
        await write(encodeFrame({ type: FRAME.settings, flags: ACK }, 0));
      }
      if (type === FRAME.ping && (flags & ACK) === 0) {
        await write(encodeFrame({ type: FRAME.ping, flags: ACK, payload }, 0));
      }
      if (type === FRAME.window) {
        const increment = new DataView(payload.buffer, payload.byteOffset).getUint32(0);
        granted.set(streamId, (granted.get(streamId) ?? 0) + increment);
      }
      const isWhole = (flags & END_STREAM) !== 0 &&
        (type === FRAME.data || type === FRAME.headers);
      if (!isWhole) continue;
      const call = {
        streamId,
        connectionId,
        get grantedBytes() {
          return granted.get(streamId) ?? 0;
        },
        send: (...frames: readonly RawFrame[]) =>
          write(concat(frames.map((frame) => encodeFrame(frame, streamId)))),
        write,
        close: () => close(connection),
      };
      start(Promise.resolve(answer(call, calls++)));
    }
  };
  const accept = async () => {
    for await (const connection of listener) {
      open.add(connection);
      start(serve(connection, ++connections).finally(() => close(connection)));
    }
  };
  const accepting = accept();
  return {
    port: (listener.addr as Deno.NetAddr).port,
    get connections() {
      return connections;
    },
    get openConnections() {
      return open.size;
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const connection of open) close(connection);
      await Promise.all([accepting, ...jobs]);
    },
  };
}

/** A frame as bytes. */
export function encodeFrame(frame: RawFrame, streamId: number): Uint8Array {
  const payload = frame.payload ?? new Uint8Array(0);
  const bytes = new Uint8Array(9 + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, payload.length << 8 | frame.type);
  bytes[4] = frame.flags ?? 0;
  view.setUint32(5, frame.streamId ?? streamId);
  bytes.set(payload, 9);
  return bytes;
}

/** Header fields as HPACK has them without a table and without compression (RFC 7541, section 6.2.2). */
export function encodeHeaders(fields: readonly (readonly [string, string])[]): Uint8Array {
  return concat(
    fields.flatMap(([name, value]) => [new Uint8Array([0]), encodeText(name), encodeText(value)]),
  );
}

/** The header fields with which a gRPC answer begins. */
export const GRPC_HEADERS = encodeHeaders([
  [":status", "200"],
  ["content-type", "application/grpc"],
]);

/** The frames of a whole gRPC answer of one message. */
export function grpcAnswer(message: Uint8Array): readonly RawFrame[] {
  return [
    { type: FRAME.headers, flags: END_HEADERS, payload: GRPC_HEADERS },
    { type: FRAME.data, payload: envelope(message) },
    {
      type: FRAME.headers,
      flags: END_HEADERS | END_STREAM,
      payload: encodeHeaders([["grpc-status", "0"]]),
    },
  ];
}

/** A gRPC message with its prefix, whose flag and length may be lies. */
export function envelope(
  message: Uint8Array,
  { flags = 0, length = message.length }: { flags?: number; length?: number } = {},
): Uint8Array {
  const bytes = new Uint8Array(5 + message.length);
  bytes[0] = flags;
  new DataView(bytes.buffer).setUint32(1, length);
  bytes.set(message, 5);
  return bytes;
}

const PREFACE_BYTES = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".length;

/** A text with its length before it, an integer with a prefix of seven bits. */
function encodeText(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  const length: number[] = [];
  if (bytes.length < 127) {
    length.push(bytes.length);
  } else {
    length.push(127);
    let rest = bytes.length - 127;
    for (; rest >= 128; rest = Math.floor(rest / 128)) length.push(rest % 128 + 128);
    length.push(rest);
  }
  return concat([new Uint8Array(length), bytes]);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** A frame that was read. */
interface ReadFrame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Uint8Array;
}

/** Reads frames from a connection, one after the other. */
class FrameReader {
  readonly #connection: Deno.Conn;
  readonly #buffer = new Uint8Array(64 * 1024);
  #bytes = new Uint8Array(0);

  constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  async skip(count: number): Promise<void> {
    await this.#take(count);
  }

  /** The next frame; undefined when the client has closed. */
  async next(): Promise<ReadFrame | undefined> {
    const head = await this.#take(9);
    if (head === undefined) return undefined;
    const view = new DataView(head.buffer, head.byteOffset);
    const payload = await this.#take(view.getUint32(0) >>> 8);
    if (payload === undefined) return undefined;
    const streamId = view.getUint32(5) & 0x7fffffff;
    return { type: head[3]!, flags: head[4]!, streamId, payload };
  }

  async #take(count: number): Promise<Uint8Array | undefined> {
    while (this.#bytes.length < count) {
      const read = await this.#connection.read(this.#buffer);
      if (read === null) return undefined;
      this.#bytes = concat([this.#bytes, this.#buffer.subarray(0, read)]) as Uint8Array<
        ArrayBuffer
      >;
    }
    const taken = this.#bytes.subarray(0, count);
    this.#bytes = this.#bytes.subarray(count);
    return taken;
  }
}

async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}
