/** Runs denokv, the self-hosted KV Connect server; `DENOKV` names it. */
import { systemClock } from "../../src/core/clock.ts";
import { KvServer, type KvServerOptions } from "../../src/state/kv_server.ts";
import { findFreePort } from "./free_port.ts";
import { peerPath } from "./peer.ts";
import { TestProcess } from "./process.ts";

/** The token of every denokv of the tests; what they print is searched for it. */
export const DENOKV_TOKEN = "SECRET-MARKER-denokv-token";

/** Starts denokv on a new database in `folder`, and waits until it serves. */
export async function startDenokv(folder: string): Promise<Denokv> {
  const denokv = new Denokv(`${folder}/denokv.sqlite`);
  await denokv.start();
  return denokv;
}

/** A denokv that can be stopped, killed and started again on the same port and database. */
export class Denokv implements AsyncDisposable {
  readonly port: number = findFreePort();
  readonly #path: string;
  #process: TestProcess | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** As `storage` takes it. */
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get process(): TestProcess {
    if (this.#process === undefined) throw new Error("Cannot use denokv: it does not run");
    return this.#process;
  }

  /** Starts it again; `more` are flags such as `--read-only`. */
  async start(more: readonly string[] = [], token: string = DENOKV_TOKEN): Promise<void> {
    const process = new TestProcess({
      command: peerPath("DENOKV"),
      args: [
        ...["--sqlite-path", this.#path, "serve", "--addr", `127.0.0.1:${this.port}`],
        ...more,
      ],
      env: { DENO_KV_ACCESS_TOKEN: token, RUST_LOG: "info" },
    });
    this.#process = process;
    await process.waitForLine(/Listening on/);
  }

  /** Ends it at once; what it has confirmed is on the disk. */
  async stop(): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    await process?.[Symbol.asyncDispose]();
  }

  /** The URL and the token in the words of the program's environment. */
  get env(): Readonly<Record<string, string>> {
    return { FDFWD_STORAGE: this.url, DENO_KV_ACCESS_TOKEN: DENOKV_TOKEN };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** A client of it, or of whatever stands at `url`. */
export function createKvClient(
  url: string,
  options: Partial<Omit<KvServerOptions, "url">> = {},
): KvServer {
  return new KvServer({
    url,
    readToken: () => Promise.resolve(DENOKV_TOKEN),
    timeoutMs: 5000,
    userAgent: "test",
    clock: systemClock,
    ...options,
  });
}
