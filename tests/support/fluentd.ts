/**
 * Runs a real Fluentd: HTTPS with mutual TLS in, one file of JSON lines for each tag out. The
 * executable is what `FLUENTD_OLDEST` or `FLUENTD_NEWEST` names.
 */
import { Bell } from "./bell.ts";
import { type FluentdFiles, writeFluentdFiles } from "./certificates.ts";
import { TestProcess } from "./process.ts";
import { findFreePort } from "./free_port.ts";

/** How to start Fluentd. */
export interface FluentdOptions {
  /** An executable that behaves like `fluentd`. */
  readonly executable: string;
  /** An empty folder for its configuration, certificates and output. */
  readonly folder: string;
  /** @default {Fluentd's own default of 10 s} */
  readonly keepAliveTimeoutMs?: number;
  /** Longer bodies are answered with 413. @default {32 MiB} */
  readonly bodySizeLimit?: number;
  /** Larger events are answered with 500. @default {Fluentd's own default of 8 MiB} */
  readonly chunkLimitSize?: number;
  /** Throw everything away, for measuring. @default {false} */
  readonly discard?: boolean;
  /** Keep what has come in files and write it later, as is usual in production. @default {false} */
  readonly fileBuffer?: boolean;
}

/** A record as Fluentd wrote it. */
export type FluentdRecord = { readonly [key: string]: unknown };

/** Starts Fluentd and waits until it listens. */
export async function startFluentd(options: FluentdOptions): Promise<Fluentd> {
  const files = await writeFluentdFiles(options.folder);
  const fluentd = new Fluentd(options, files);
  await fluentd.start();
  return fluentd;
}

/** A Fluentd that can be stopped and started again on the same port. */
export class Fluentd implements AsyncDisposable {
  /** Certificates and keys for it and its clients. */
  readonly files: FluentdFiles;
  readonly port: number;
  readonly #options: FluentdOptions;
  #process: TestProcess | undefined;

  constructor(options: FluentdOptions, files: FluentdFiles) {
    this.#options = options;
    this.files = files;
    this.port = findFreePort();
  }

  /** URL of a path on it; its tag is the path with dots for slashes. */
  url(path = "/test.log"): string {
    return `https://localhost:${this.port}${path}`;
  }

  /** What it has logged since its last start. */
  get log(): string {
    return this.#process === undefined ? "" : this.#process.stdout.join("\n");
  }

  /** Starts it again after `stop` or `kill`. */
  async start(): Promise<void> {
    const path = `${this.#options.folder}/fluent.conf`;
    await Deno.writeTextFile(path, formatConfiguration(this.#options, this));
    await Deno.mkdir(this.#outputFolder, { recursive: true });
    const process = new TestProcess({
      command: this.#options.executable,
      args: ["--no-supervisor", "--config", path],
    });
    this.#process = process;
    try {
      await process.waitForLine(/fluentd worker is now running/, { from: "stdout" });
    } catch (error) {
      await process[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Stops it in good order; everything that it has taken is in its files afterwards. */
  async stop(): Promise<void> {
    this.#process?.kill("SIGTERM");
    await this.#process?.waitForExit();
  }

  /** Stops and starts it. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** Kills it at once; what it had not written yet is lost. */
  async kill(): Promise<void> {
    this.#process?.kill("SIGKILL");
    await this.#process?.exit;
  }

  /** Sends it a signal, such as SIGSTOP, after which it stands still. */
  signal(signal: Deno.Signal): void {
    this.#process?.kill(signal);
  }

  /** Records written so far under a tag, in the order of their coming; under all tags without one. */
  async readRecords(tag?: string): Promise<FluentdRecord[]> {
    const records = await this.readRecordsByTag();
    return tag === undefined ? [...records.values()].flat() : records.get(tag) ?? [];
  }

  /** Records written so far, by their tag. */
  async readRecordsByTag(): Promise<Map<string, FluentdRecord[]>> {
    const names: string[] = [];
    for await (const entry of Deno.readDir(this.#outputFolder)) names.push(entry.name);
    const byTag = new Map<string, FluentdRecord[]>();
    for (const name of names.sort()) {
      const text = await Deno.readTextFile(`${this.#outputFolder}/${name}`);
      const lines = text.slice(0, text.lastIndexOf("\n") + 1).split("\n");
      const records = lines.filter((line) => line !== "").map((line) => JSON.parse(line));
      byTag.set(name.replace(/\.log$/, ""), records);
    }
    return byTag;
  }

  /** Resolves with all records when there are at least `count`. */
  async waitForRecords(count: number, timeoutMs?: number): Promise<FluentdRecord[]> {
    const bell = new Bell();
    let records: FluentdRecord[] = [];
    const watcher = Deno.watchFs(this.#outputFolder);
    const watching = (async () => {
      records = await this.readRecords();
      bell.ring();
      for await (const event of watcher) {
        if (event.kind === "access") continue;
        records = await this.readRecords();
        bell.ring();
      }
    })();
    try {
      return await bell.waitFor(() => records.length >= count ? records : undefined, {
        what: () => `${count} records in Fluentd's files; there are ${records.length}\n${this.log}`,
        timeoutMs,
      });
    } finally {
      watcher.close();
      await watching;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process?.[Symbol.asyncDispose]();
  }

  get #outputFolder(): string {
    return `${this.#options.folder}/records`;
  }
}

function formatConfiguration(options: FluentdOptions, fluentd: Fluentd): string {
  const { files, port } = fluentd;
  const output = options.discard === true ? "@type null" : `@type file
  path ${options.folder}/records/\${tag}
  append true
  <format>
    @type json
  </format>
  <buffer tag>
    ${
    options.fileBuffer === true ? `@type file\n    path ${options.folder}/buffer` : "@type memory"
  }
    flush_mode ${options.fileBuffer === true ? "interval" : "immediate"}
    flush_thread_count 1
    ${options.chunkLimitSize === undefined ? "" : `chunk_limit_size ${options.chunkLimitSize}`}
    flush_at_shutdown true
  </buffer>`;
  return `<source>
  @type http
  bind 127.0.0.1
  port ${port}
  ${
    options.keepAliveTimeoutMs === undefined
      ? ""
      : `keepalive_timeout ${options.keepAliveTimeoutMs / 1000}`
  }
  ${options.bodySizeLimit === undefined ? "" : `body_size_limit ${options.bodySizeLimit}`}
  <transport tls>
    min_version TLSv1_2
    max_version TLSv1_3
    client_cert_auth true
    ca_path ${files.authority}
    cert_path ${files.serverCertificate}
    private_key_path ${files.serverKey}
  </transport>
  <parse>
    @type json
    time_type string
    time_format %iso8601
    keep_time_key true
  </parse>
</source>
<label @FLUENT_LOG>
  <match **>
    @type null
  </match>
</label>
<match **>
  ${output}
</match>
`;
}
