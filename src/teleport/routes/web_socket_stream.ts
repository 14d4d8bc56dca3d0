import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";

/** Kinds of frames (RFC 6455, section 5.2). */
const OPCODES = { continuation: 0, binary: 2, close: 8, ping: 9, pong: 10 } as const;
/** A control frame holds no more. */
const MAX_CONTROL_BYTES = 125;
const LARGEST_7_BIT = 125;
const LENGTH_16_BIT = 126;
const LENGTH_64_BIT = 127;
const FINAL = 0x80;
const MASKED = 0x80;
const MASK_BYTES = 4;

/** A frame whose payload is coming. */
interface Frame {
  readonly opcode: number;
  missingBytes: number;
}

/**
 * A stream of bytes inside the binary frames of a WebSocket. Each write is one frame, never a fragment:
 * servers drop the rest of a fragmented one. The mask is zero, as nothing between reads what is TLS
 * again. Frames that come are passed on while they come, however long they say to be.
 */
export class WebSocketStream extends Duplex {
  readonly #socket: TLSSocket;
  #head: Buffer = Buffer.alloc(0);
  #frame: Frame | undefined;
  #control: Buffer[] = [];

  /** Takes over the socket, after the handshake; `rest` is what came behind that. */
  constructor(socket: TLSSocket, rest: Buffer) {
    super();
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("end", () => this.#end());
    socket.on("close", () => this.#end());
    socket.on("error", (error) => this.destroy(error));
    // What came early is read with the first data.
    if (rest.length > 0) socket.unshift(rest);
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#socket.write(formatFrame(OPCODES.binary, chunk), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(formatFrame(OPCODES.close, Buffer.alloc(0)), () => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }

  #end(): void {
    if (!this.readableEnded && !this.destroyed) this.push(null);
  }

  #take(chunk: Buffer): void {
    let bytes = this.#head.length === 0 ? chunk : Buffer.concat([this.#head, chunk]);
    this.#head = Buffer.alloc(0);
    while (bytes.length > 0 && !this.destroyed && !this.readableEnded) {
      if (this.#frame === undefined) {
        const header = parseHeader(bytes);
        if (typeof header === "string") return void this.destroy(new Error(header));
        if (header === undefined) {
          this.#head = bytes;
          return;
        }
        this.#frame = header.frame;
        bytes = bytes.subarray(header.bytes);
      }
      const frame = this.#frame;
      const payload = bytes.subarray(0, frame.missingBytes);
      bytes = bytes.subarray(payload.length);
      frame.missingBytes -= payload.length;
      this.#takePayload(frame, payload);
      if (frame.missingBytes === 0) this.#frame = undefined;
    }
  }

  #takePayload(frame: Frame, payload: Buffer): void {
    if (frame.opcode === OPCODES.binary || frame.opcode === OPCODES.continuation) {
      if (payload.length > 0 && !this.push(payload)) this.#socket.pause();
      return;
    }
    this.#control.push(payload);
    if (frame.missingBytes > 0) return;
    const content = Buffer.concat(this.#control);
    this.#control = [];
    if (frame.opcode === OPCODES.ping) this.#socket.write(formatFrame(OPCODES.pong, content));
    if (frame.opcode === OPCODES.close) this.#end();
  }
}

function formatFrame(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  const lengthBytes = length <= LARGEST_7_BIT ? 0 : length <= 0xffff ? 2 : 8;
  const frame = Buffer.alloc(2 + lengthBytes + MASK_BYTES + length);
  frame[0] = FINAL | opcode;
  if (lengthBytes === 0) frame[1] = MASKED | length;
  if (lengthBytes === 2) {
    frame[1] = MASKED | LENGTH_16_BIT;
    frame.writeUInt16BE(length, 2);
  }
  if (lengthBytes === 8) {
    frame[1] = MASKED | LENGTH_64_BIT;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  payload.copy(frame, 2 + lengthBytes + MASK_BYTES);
  return frame;
}

/** The beginning of a frame; undefined when more of it is needed, a text when it is none. */
function parseHeader(
  bytes: Buffer,
): { readonly frame: Frame; readonly bytes: number } | string | undefined {
  if (bytes.length < 2) return undefined;
  const [first, second] = [bytes[0]!, bytes[1]!];
  const opcode = first & 0x0f;
  const isFinal = (first & FINAL) !== 0;
  if ((first & 0x70) !== 0) return "the proxy sent a WebSocket frame with unknown flags";
  if ((second & MASKED) !== 0) return "the proxy sent a masked WebSocket frame";
  if (!(Object.values(OPCODES) as number[]).includes(opcode)) {
    return `the proxy sent a WebSocket frame of kind ${opcode}`;
  }
  const short = second & 0x7f;
  if (opcode >= OPCODES.close && (short > MAX_CONTROL_BYTES || !isFinal)) {
    return "the proxy sent a control frame that is too long";
  }
  if (short <= LARGEST_7_BIT) return { frame: { opcode, missingBytes: short }, bytes: 2 };
  if (short === LENGTH_16_BIT) {
    if (bytes.length < 4) return undefined;
    return { frame: { opcode, missingBytes: bytes.readUInt16BE(2) }, bytes: 4 };
  }
  if (bytes.length < 10) return undefined;
  return { frame: { opcode, missingBytes: Number(bytes.readBigUInt64BE(2)) }, bytes: 10 };
}
