import { Code, ConnectError } from "@connectrpc/connect";
import {
  validateResponseWithCompression,
  validateTrailer,
} from "@connectrpc/connect/protocol-grpc";
import type { ClientHttp2Stream, IncomingHttpHeaders } from "node:http2";
import type { Clock } from "../core/clock.ts";
import type { AuthSessions } from "./auth_sessions.ts";
import { MessageSplitter } from "./message_splitter.ts";
import { ReadGate } from "./read_gate.ts";

/** What is asked of the server, and for how long. */
export interface GrpcCallOptions {
  /** `/package.Service/Method`. */
  readonly path: string;
  /** The message of the request. */
  readonly request: Uint8Array;
  /** Largest message that is taken. */
  readonly maxMessageBytes: number;
  /** Longest time for the call; for ever when undefined. */
  readonly timeoutMs: number | undefined;
  /** Ends the call; the server hears of it. */
  readonly signal: AbortSignal | undefined;
  /** Whether the call may end while it is not read: there is a way to go on with it. */
  readonly mayBeCut: boolean;
  readonly clock: Clock;
  /** Told of the end of a call before its time, with how long nothing had come then. */
  readonly onBroken: (silentMs: number) => void;
}

/** With more that waits for the reader, the connection is not read from. */
const MAX_WAITING_BYTES = 1024 * 1024;
/** A connection is others' as well: a call that is not read for so long is ended. */
const MAX_HOLD_MS = 5000;
/** Stands before each message: no flags, and its length. */
const HEAD_BYTES = 5;
/** Fields of headers and trailers, as `node:http2` spells them. */
const STATUS = "grpc-status";
const DETAILS = "grpc-status-details-bin";
const OK = "0";

/** What a reset of the stream means (gRPC over HTTP/2, "HTTP2 Transport Mapping"). */
const RESETS: { readonly [code: number]: readonly [name: string, code: Code] } = {
  1: ["PROTOCOL_ERROR", Code.Internal],
  2: ["INTERNAL_ERROR", Code.Internal],
  3: ["FLOW_CONTROL_ERROR", Code.Internal],
  4: ["SETTINGS_TIMEOUT", Code.Internal],
  6: ["FRAME_SIZE_ERROR", Code.Internal],
  7: ["REFUSED_STREAM", Code.Unavailable],
  8: ["CANCEL", Code.Canceled],
  9: ["COMPRESSION_ERROR", Code.Internal],
  10: ["CONNECT_ERROR", Code.Internal],
  11: ["ENHANCE_YOUR_CALM", Code.ResourceExhausted],
  12: ["INADEQUATE_SECURITY", Code.PermissionDenied],
  13: ["HTTP_1_1_REQUIRED", Code.PermissionDenied],
};
const CANCEL = 8;
/** Why a timer is given up; an exception of its own for each would cost more than the timer. */
const OVER = "over";

/** How a call has ended: well, unless there is an error. */
interface Outcome {
  readonly error?: ConnectError | CallCutError;
}

/** The call was ended because nobody read; what had come by then was given. */
export class CallCutError extends Error {
  constructor() {
    super("The call was not read for too long");
    this.name = "CallCutError";
  }
}

/**
 * One call of the gRPC protocol: a request of one message, and what comes of it, as bytes. It costs less
 * than connect's own, which hands each message through a dozen generators, and gives several messages at
 * a time; the meaning of headers and trailers is left to connect.
 *
 * What waits to be read is bounded. It fails with a `ConnectError`, or with a `CallCutError`. It ends by
 * itself after an answer or a failure, and when disposed of.
 */
export class GrpcCall implements Disposable {
  readonly #options: GrpcCallOptions;
  readonly #splitter: MessageSplitter;
  readonly #ended = new AbortController();
  #stream: ClientHttp2Stream | undefined;
  #messages: Uint8Array[] = [];
  #waitingBytes = 0;
  /** Lets the connection be read again. */
  #release: (() => void) | undefined;
  #header: IncomingHttpHeaders | undefined;
  #trailer: IncomingHttpHeaders | undefined;
  #outcome: Outcome | undefined;
  #wake: (() => void) | undefined;
  /** When something came, or was waited for, last. */
  #aliveMs: number;

  constructor(sessions: Pick<AuthSessions, "request">, options: GrpcCallOptions) {
    this.#options = options;
    this.#splitter = new MessageSplitter({ maxBytes: options.maxMessageBytes });
    this.#aliveMs = options.clock.monotonicMs();
    const { clock, path, signal, timeoutMs } = options;
    signal?.addEventListener("abort", this.#onAbort);
    if (signal?.aborted) {
      this.#onAbort();
      return;
    }
    if (timeoutMs !== undefined) {
      clock.sleep(timeoutMs, this.#ended.signal).then(
        () => this.#fail(new ConnectError("The operation timed out", Code.DeadlineExceeded)),
        () => {},
      );
    }
    sessions.request("POST", path, {
      "content-type": "application/grpc+proto",
      "user-agent": "teleport-event-handler",
      te: "trailers",
      ...(timeoutMs === undefined ? {} : { "grpc-timeout": `${Math.ceil(timeoutMs)}m` }),
    }, {}).then((stream) => this.#open(stream), (error) => this.#fail(toConnectError(error)));
  }

  /**
   * Waits for messages: some of them in order, or undefined when the answer has ended well.
   *
   * @throws {ConnectError} once all messages before the failure were given. @throws {CallCutError}
   */
  async next(): Promise<Uint8Array[] | undefined> {
    this.#aliveMs = this.#options.clock.monotonicMs();
    while (this.#messages.length === 0) {
      if (this.#outcome?.error !== undefined) throw this.#outcome.error;
      if (this.#outcome !== undefined) return undefined;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    const messages = this.#messages;
    this.#messages = [];
    this.#waitingBytes = 0;
    this.#release?.();
    return messages;
  }

  /** Leaves the call; the server hears of it unless it is over. */
  [Symbol.dispose](): void {
    if (this.#outcome === undefined) this.#end({});
  }

  #open(stream: ClientHttp2Stream): void {
    this.#stream = stream;
    stream.on("error", (error) => this.#fail(toConnectError(error)));
    if (this.#outcome !== undefined) return stream.close(CANCEL);
    stream.on("response", (header) => {
      this.#guard(() => this.#readHeader(header));
      // What is sent right after the header must not be seen before it.
      stream.on("data", (piece: Uint8Array) => this.#guard(() => this.#readPiece(piece)));
      stream.on("end", () => this.#guard(() => this.#readEnd()));
    });
    stream.on("trailers", (trailer) => void (this.#trailer = trailer));
    stream.on("close", () => this.#guard(() => this.#conclude(stream.rstCode)));
    stream.end(frame(this.#options.request));
  }

  #readHeader(header: IncomingHttpHeaders): void {
    this.#aliveMs = this.#options.clock.monotonicMs();
    this.#header = header;
    if (isPlainHeader(header)) return;
    const { headerError } = validateResponseWithCompression(
      [],
      Number(header[":status"]),
      toHeaders(header),
    );
    if (headerError !== undefined) throw headerError;
  }

  #readPiece(piece: Uint8Array): void {
    if (this.#outcome !== undefined) return;
    this.#aliveMs = this.#options.clock.monotonicMs();
    const { length } = piece;
    // Its memory is given back later, and must be nobody else's. It is all that its buffer holds today.
    const own = length === piece.buffer.byteLength ? piece : new Uint8Array(piece);
    this.#splitter.push(own, this.#messages);
    if (this.#messages.length === 0) return;
    this.#waitingBytes += length;
    if (this.#waitingBytes > MAX_WAITING_BYTES) this.#hold();
    this.#wake?.();
  }

  /** Reads no more until what waits was read; ends the call when that takes too long. */
  #hold(): void {
    if (!this.#options.mayBeCut || this.#release !== undefined) return;
    const open = ReadGate.of(this.#stream!.session)?.hold();
    const released = new AbortController();
    this.#release = () => {
      this.#release = undefined;
      open?.();
      released.abort(OVER);
    };
    this.#options.clock.sleep(MAX_HOLD_MS, released.signal).then(
      () => this.#outcome ?? this.#end({ error: new CallCutError() }),
      () => {},
    );
  }

  /** A status that has not come by the end may come until the stream is closed. */
  #readEnd(): void {
    if (this.#trailer !== undefined || this.#header?.[STATUS] !== undefined) {
      this.#conclude();
    }
  }

  /** Judges the end of an answer by its status. */
  #conclude(rstCode = 0): void {
    if (this.#outcome !== undefined) return;
    const reset = RESETS[rstCode];
    if (reset !== undefined) {
      const [name, code] = reset;
      throw new ConnectError(`HTTP/2 stream closed with error code ${name}`, code);
    }
    const header = this.#header ?? {};
    const trailer = this.#trailer ?? {};
    if (!isPlainTrailer(trailer)) validateTrailer(toHeaders(trailer), toHeaders(header));
    if (this.#splitter.isWithinMessage) {
      throw new ConnectError("The answer ends within a message", Code.DataLoss);
    }
    this.#end({});
  }

  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#fail(toConnectError(error));
    }
  }

  readonly #onAbort = () => {
    this.#fail(ConnectError.from(this.#options.signal!.reason, Code.Canceled));
  };

  #fail(error: ConnectError): void {
    if (this.#outcome !== undefined) return;
    this.#end({ error });
    this.#options.onBroken(this.#options.clock.monotonicMs() - this.#aliveMs);
  }

  #end(outcome: Outcome): void {
    this.#outcome = outcome;
    this.#release?.();
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#ended.abort(OVER);
    const stream = this.#stream;
    if (stream !== undefined && !stream.closed) stream.close(CANCEL);
    this.#wake?.();
  }
}

/** A message with what stands before it. */
function frame(message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES + message.length);
  new DataView(bytes.buffer).setUint32(1, message.length);
  bytes.set(message, HEAD_BYTES);
  return bytes;
}

/** The header of an answer that all is well with so far, as almost all are. */
function isPlainHeader(header: IncomingHttpHeaders): boolean {
  const type = header["content-type"];
  return Number(header[":status"]) === 200 &&
    (type === "application/grpc" || type === "application/grpc+proto") &&
    header["grpc-encoding"] === undefined && header[STATUS] === undefined &&
    header[DETAILS] === undefined;
}

function isPlainTrailer(trailer: IncomingHttpHeaders): boolean {
  return trailer[STATUS] === OK && trailer[DETAILS] === undefined;
}

function toHeaders(fields: IncomingHttpHeaders): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(fields)) {
    if (name.startsWith(":") || value === undefined) continue;
    for (const each of [value].flat()) headers.append(name, each);
  }
  return headers;
}

function toConnectError(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  const connectError = ConnectError.from(error, Code.Internal);
  connectError.cause = error;
  return connectError;
}
