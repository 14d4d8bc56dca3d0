import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";

/**
 * Makes a socket of any stream of bytes: what is written to the one is read from the other. TLS of this
 * runtime stalls over a stream that is no socket (Deno 2.7), so the bytes go through the loopback
 * interface. The port is open for the one connection that is made at once, and for nobody else.
 */
export function bridgeToSocket(stream: Duplex): Promise<Socket> {
  return new Promise((resolve, reject) => {
    let socket: Socket | undefined;
    const server = createServer({ noDelay: true }, (accepted) => {
      accepted.on("error", () => {});
      const judge = () => {
        if (accepted.remotePort !== socket?.localPort) return void accepted.destroy();
        server.close();
        join(accepted, stream);
        resolve(socket!);
      };
      // Our own side may hear of the connection later than the other one.
      if (socket?.connecting === true) socket.once("connect", judge);
      else judge();
    });
    const fail = (error: Error) => {
      server.close();
      stream.destroy();
      reject(error);
    };
    server.on("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      socket = connect({ host: "127.0.0.1", port, noDelay: true });
      // Stays for errors that come after the end.
      socket.on("error", fail);
    });
  });
}

/** The end of one side is that of the other. */
function join(accepted: Socket, stream: Duplex): void {
  stream.on("error", () => accepted.destroy());
  stream.on("close", () => accepted.destroy());
  accepted.on("close", () => stream.destroy());
  accepted.pipe(stream).pipe(accepted);
}
