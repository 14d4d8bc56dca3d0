/** A path in the network that forgets connections, as firewalls do: they stay open and carry nothing. */
import net, { type AddressInfo, type Socket } from "node:net";

/** Passes connections on to a port of 127.0.0.1: `await using proxy = await startForgetfulProxy(port)`. */
export async function startForgetfulProxy(targetPort: number): Promise<ForgetfulProxy> {
  const proxy = new ForgetfulProxy(targetPort);
  await proxy.listen();
  return proxy;
}

/** See the head of this file. */
export class ForgetfulProxy implements AsyncDisposable {
  readonly #server: net.Server;
  readonly #sockets = new Set<Socket>();

  constructor(targetPort: number) {
    this.#server = net.createServer((client) => {
      const target = net.connect(targetPort, "127.0.0.1");
      for (const socket of [client, target]) {
        this.#sockets.add(socket);
        socket.on("error", () => {});
        socket.on("close", () => this.#sockets.delete(socket));
      }
      client.pipe(target);
      target.pipe(client);
      client.on("close", () => target.destroy());
      target.on("close", () => client.destroy());
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Listens on a free port. */
  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(0, "127.0.0.1", () => resolve()));
  }

  /** Carries nothing more over the connections that are open; new ones work. */
  forget(): void {
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.resume();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
