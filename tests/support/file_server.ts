import http from "node:http";
import type { AddressInfo } from "node:net";
import { Gate } from "./gate.ts";

/** What is to become of a request for a file. */
export type FileFault = "cut" | "missing" | "stall" | "tampered";

/** Serves the files of a folder over HTTP on this machine, and can spoil them. */
export class FileServer implements AsyncDisposable {
  /** What to do to requests for paths with this ending. */
  readonly faults = new Map<string, FileFault>();
  /** Every request: its path, or the whole URL where it was asked as a proxy. */
  readonly requests: string[] = [];
  /** Reached by a request that stalls. */
  readonly stalled = new Gate();
  readonly #server: http.Server;

  constructor(server: http.Server) {
    this.#server = server;
  }

  /** Starts it: `await using server = await FileServer.start(folder)`. */
  static async start(folder: string): Promise<FileServer> {
    const server = http.createServer((request, response) => {
      void files.#answer(folder, { url: request.url ?? "", response });
    });
    const files = new FileServer(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return files;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #answer(
    folder: string,
    { response, url }: { readonly url: string; readonly response: http.ServerResponse },
  ): Promise<void> {
    this.requests.push(url);
    const path = new URL(url, this.url).pathname;
    const fault = [...this.faults].find(([ending]) => path.endsWith(ending))?.[1];
    const bytes = fault === "missing"
      ? undefined
      : await Deno.readFile(`${folder}${path}`).catch(() => undefined);
    if (bytes === undefined) {
      response.writeHead(404).end("not here");
      return;
    }
    if (fault === "tampered") bytes[bytes.length - 20]! ^= 1;
    response.writeHead(200, { "content-length": bytes.length });
    if (fault !== "cut" && fault !== "stall") {
      response.end(bytes);
      return;
    }
    response.write(bytes.subarray(0, bytes.length / 2), () => {
      if (fault === "cut") response.socket?.destroy();
      else void this.stalled.pass();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
