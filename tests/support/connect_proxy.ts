/** An HTTP proxy that joins connections by CONNECT, as the proxies of companies do. */
import net, { type AddressInfo, type Socket } from "node:net";
import { createHttpProxyFinder, type HttpProxy } from "../../src/core/http_proxy.ts";

/** What it does with those who ask. */
export interface ConnectProxyOptions {
  /** The only user it lets through, as `user:password`. @default {everybody} */
  readonly credentials?: string;
  /** Answers everybody with this status. @default {as asked} */
  readonly status?: number;
  /** Takes connections and says nothing. @default {false} */
  readonly hangs?: boolean;
}

/** Starts one on a free port of 127.0.0.1: `await using proxy = await startConnectProxy()`. */
export async function startConnectProxy(options: ConnectProxyOptions = {}): Promise<ConnectProxy> {
  const proxy = new ConnectProxy(options);
  await proxy.listen();
  return proxy;
}

/** See the head of this file. */
export class ConnectProxy implements AsyncDisposable {
  /** Addresses that were asked for, in order. */
  readonly targets: string[] = [];
  readonly #options: ConnectProxyOptions;
  readonly #server: net.Server;
  readonly #sockets = new Set<Socket>();

  constructor(options: ConnectProxyOptions) {
    this.#options = options;
    this.#server = net.createServer((socket) => this.#serve(socket));
  }

  /** Its URL, with the credentials that it wants. */
  get url(): string {
    const { credentials } = this.#options;
    const { port } = this.#server.address() as AddressInfo;
    return `http://${credentials === undefined ? "" : `${credentials}@`}127.0.0.1:${port}`;
  }

  /** The same as the program knows it. */
  get proxy(): HttpProxy {
    const find = createHttpProxyFinder({ HTTPS_PROXY: this.url });
    return find({ protocol: "https:", host: "example.com", port: 443 })!;
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  /** Cuts every connection. */
  dropConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.dropConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #serve(socket: Socket): void {
    this.#keep(socket);
    if (this.#options.hangs === true) return;
    let head = "";
    const read = (chunk: Uint8Array) => {
      head += new TextDecoder("latin1").decode(chunk);
      if (!head.includes("\r\n\r\n")) return;
      socket.off("data", read);
      socket.pause();
      this.#answer(socket, head);
    };
    socket.on("data", read);
  }

  #answer(socket: Socket, head: string): void {
    const { credentials, status } = this.#options;
    const [, target = ""] = /^CONNECT (\S+) HTTP\/1\.1\r\n/.exec(head) ?? [];
    const [, token = ""] = /^proxy-authorization: Basic (\S+)/im.exec(head) ?? [];
    this.targets.push(target);
    const isAllowed = credentials === undefined || atob(token) === credentials;
    const refusal = target === "" ? 405 : isAllowed ? status : 407;
    if (refusal !== undefined) {
      socket.end(`HTTP/1.1 ${refusal} Refused\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    const [, host = "", port] = /^\[?(.*?)\]?:(\d+)$/.exec(target) ?? [];
    const peer = net.connect({ host, port: Number(port) });
    this.#keep(peer);
    peer.once("connect", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      socket.pipe(peer).pipe(socket);
    });
    peer.on("close", () => socket.destroy());
    socket.on("close", () => peer.destroy());
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => this.#sockets.delete(socket));
  }
}
