/** A way through the network that can be cut, mended, and led elsewhere: `await using relay = …`. */
import net, { type AddressInfo, type Socket } from "node:net";

/** Starts one that leads to a port of 127.0.0.1. */
export async function startTcpRelay(target: string): Promise<TcpRelay> {
  const relay = new TcpRelay(target);
  await relay.listen(0);
  return relay;
}

/** See the head of this file. */
export class TcpRelay implements AsyncDisposable {
  /** Host and port that new connections lead to. */
  target: string;
  readonly #sockets = new Set<Socket>();
  #server: net.Server | undefined;
  #port = 0;

  constructor(target: string) {
    this.target = target;
  }

  /** Host and port of its own. */
  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  async listen(port: number): Promise<void> {
    const server = net.createServer((client) => {
      const [, host = "", port = ""] = /^(.*):(\d+)$/.exec(this.target) ?? [];
      const target = net.connect({ host, port: Number(port) });
      for (const socket of [client, target]) {
        this.#sockets.add(socket);
        socket.on("error", () => {});
        socket.on("close", () => this.#sockets.delete(socket));
      }
      client.pipe(target).pipe(client);
      client.on("close", () => target.destroy());
      target.on("close", () => client.destroy());
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", () => resolve()));
    this.#port = (server.address() as AddressInfo).port;
  }

  /** Breaks all connections; new ones work. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Breaks all connections, and nobody listens any more. */
  async cut(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.drop();
    if (server === undefined) return;
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  /** Listens again. */
  async mend(): Promise<void> {
    await this.listen(this.#port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cut();
  }
}
