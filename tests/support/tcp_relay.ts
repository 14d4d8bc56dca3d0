/** Stands between a client and a server, and does to their connections what networks do. */

/** Where to, and how badly. All of it may be changed at any time with `change`. */
export interface TcpRelayOptions {
  readonly hostname?: string;
  readonly port: number;
  /** How long every byte is under way, each way. @default {0} */
  readonly delayMs?: number;
  /** What becomes of the bytes of each way. @default {"pass"} */
  readonly toServer?: RelayMode;
  readonly toClient?: RelayMode;
  /** Whether new connections are taken. @default {true} */
  readonly accepts?: boolean;
}

/**
 * `pass` them on; `hold` them until another mode comes, as a network that is cut does (the connection
 * stays half-open); `drop` them for good, so that the other side never learns of them.
 */
export type RelayMode = "pass" | "hold" | "drop";

/** Starts a relay on a port of its own. */
export function startTcpRelay(options: TcpRelayOptions): TcpRelay {
  return new TcpRelay(options);
}

/** A relay that runs. Its port stays, whatever is done to its connections. */
export class TcpRelay implements AsyncDisposable {
  readonly port: number;
  #options: TcpRelayOptions;
  #listener: Deno.TcpListener | undefined;
  #changed = Promise.withResolvers<void>();
  #isClosed = false;
  readonly #connections = new Set<Deno.TcpConn>();
  readonly #running = new Set<Promise<void>>();
  /** Connections that were taken so far. */
  taken = 0;

  constructor(options: TcpRelayOptions) {
    this.#options = options;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = this.#listener.addr.port;
    this.#run(this.#accept(this.#listener));
  }

  /** Changes what happens to bytes and connections from now on, held bytes included. */
  change(options: Partial<TcpRelayOptions>): void {
    this.#options = { ...this.#options, ...options };
    const changed = this.#changed;
    this.#changed = Promise.withResolvers();
    changed.resolve();
    if (this.#options.accepts === false) {
      this.#listener?.close();
      this.#listener = undefined;
    } else if (this.#listener === undefined && !this.#isClosed) {
      this.#listener = Deno.listen({ hostname: "127.0.0.1", port: this.port });
      this.#run(this.#accept(this.#listener));
    }
  }

  /** Breaks all connections. */
  cut(): void {
    for (const connection of this.#connections) close(connection);
    this.#connections.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.change({ accepts: false, toServer: "drop", toClient: "drop" });
    this.cut();
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #run(work: Promise<void>): void {
    const running = work.catch(() => {}).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #accept(listener: Deno.TcpListener): Promise<void> {
    for await (const client of listener) {
      this.taken++;
      this.#connections.add(client);
      this.#run(this.#connect(client));
    }
  }

  async #connect(client: Deno.TcpConn): Promise<void> {
    const { hostname = "127.0.0.1", port } = this.#options;
    let server: Deno.TcpConn;
    try {
      server = await Deno.connect({ hostname, port });
    } catch {
      this.#connections.delete(client);
      return close(client);
    }
    this.#connections.add(server);
    try {
      await Promise.race([
        this.#pump(client, server, "toServer"),
        this.#pump(server, client, "toClient"),
      ]);
    } finally {
      for (const connection of [client, server]) {
        this.#connections.delete(connection);
        close(connection);
      }
    }
  }

  /** Each piece arrives `delayMs` after it came, however many are under way. */
  async #pump(from: Deno.TcpConn, to: Deno.TcpConn, way: "toServer" | "toClient"): Promise<void> {
    let arrived: Promise<void> = Promise.resolve();
    let failure: unknown;
    const buffer = new Uint8Array(64 * 1024);
    while (failure === undefined) {
      const count = await from.read(buffer).catch(() => null);
      if (count === null) break;
      const bytes = buffer.slice(0, count);
      const { delayMs = 0 } = this.#options;
      const ripe = delayMs === 0 ? undefined : new Promise((done) => setTimeout(done, delayMs));
      arrived = arrived.then(async () => {
        await ripe;
        while (this.#modeOf(way) === "hold") await this.#changed.promise;
        if (this.#modeOf(way) === "pass") await writeAll(to, bytes);
      }).catch((error) => {
        failure = error;
      });
    }
    await arrived;
  }

  #modeOf(way: "toServer" | "toClient"): RelayMode {
    return this.#options[way] ?? "pass";
  }
}

async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // It is closed already.
  }
}
