/** Looks into the first message of a TLS client before any TLS server sees it. */
import type { Socket } from "node:net";

/** Extensions that resume a session: by ticket up to TLS 1.2, by pre-shared key in TLS 1.3. */
const SESSION_TICKET = 35;
const PRE_SHARED_KEY = 41;

/** The fatal alert `internal_error`, as OpenSSL sends it to who may not resume. */
export const ALERT_INTERNAL_ERROR = new Uint8Array([0x15, 3, 3, 0, 2, 2, 80]);

/** Reads the first TLS record whole; undefined when the client goes away before. */
export function readClientHello(socket: Socket): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    let bytes = new Uint8Array();
    const finish = (hello: Uint8Array | undefined) => {
      socket.off("data", onData);
      socket.off("close", onClose);
      socket.pause();
      resolve(hello);
    };
    const onClose = () => finish(undefined);
    const onData = (chunk: Uint8Array) => {
      bytes = new Uint8Array([...bytes, ...chunk]);
      if (bytes.length >= 5 && bytes.length >= 5 + (bytes[3]! << 8 | bytes[4]!)) finish(bytes);
    };
    socket.on("data", onData);
    socket.on("close", onClose);
  });
}

/** Whether a client comes back with a session that it had before. */
export function resumesSession(hello: Uint8Array): boolean {
  const view = new DataView(hello.buffer, hello.byteOffset, hello.byteLength);
  let at = 5 + 4 + 2 + 32; // record header, handshake header, version, random
  at += 1 + view.getUint8(at); // session id
  at += 2 + view.getUint16(at); // cipher suites
  at += 1 + view.getUint8(at); // compression methods
  const end = at + 2 + view.getUint16(at);
  at += 2;
  while (at < end) {
    const extension = view.getUint16(at);
    const length = view.getUint16(at + 2);
    if (extension === PRE_SHARED_KEY || (extension === SESSION_TICKET && length > 0)) return true;
    at += 4 + length;
  }
  return false;
}
