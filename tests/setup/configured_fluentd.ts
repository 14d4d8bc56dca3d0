/** Runs a real Fluentd from a fluent.conf that `configure` wrote; nothing but its places differs. */
import { TestProcess } from "../support/process.ts";
import { findFreePort } from "../support/free_port.ts";

/** What to start. */
export interface ConfiguredFluentdOptions {
  /** An executable that behaves like `fluentd`. */
  readonly executable: string;
  /** Folder of the certificates; what Docker would mount as /keys. */
  readonly folder: string;
  /** Name of the configuration. @default {"fluent.conf"} */
  readonly conf?: string;
  /** Further places that differ: what stands there, and what to put in its place. */
  readonly replace?: Readonly<Record<string, string>>;
}

/** A running Fluentd. */
export class ConfiguredFluentd implements AsyncDisposable {
  readonly port: number;
  readonly #process: TestProcess;

  private constructor(process: TestProcess, port: number) {
    this.#process = process;
    this.port = port;
  }

  /** Starts it and waits until it listens. */
  static async start(options: ConfiguredFluentdOptions): Promise<ConfiguredFluentd> {
    const port = findFreePort();
    const replacements = {
      "/keys/": `${options.folder}/`,
      "/buffers/": `${options.folder}/buffers/`,
      "port 8888": `port ${port}`,
      ...options.replace,
    };
    let conf = await Deno.readTextFile(`${options.folder}/${options.conf ?? "fluent.conf"}`);
    for (const [from, to] of Object.entries(replacements)) conf = conf.replaceAll(from, to);
    const path = `${options.folder}/placed-fluent.conf`;
    await Deno.writeTextFile(path, conf);
    const process = new TestProcess({
      command: options.executable,
      args: ["--no-supervisor", "--config", path],
      env: { TZ: "America/New_York" },
    });
    try {
      await process.waitForLine(/fluentd worker is now running/, { from: "stdout" });
    } catch (error) {
      await process[Symbol.asyncDispose]();
      throw error;
    }
    return new ConfiguredFluentd(process, port);
  }

  /** Lines of its log that are warnings or worse. */
  get complaints(): readonly string[] {
    return this.#process.stdout.filter((line) => /\[(warn|error|fatal)\]/.test(line));
  }

  /** Events that it printed under a tag, in order. */
  printed(tag: string): Record<string, unknown>[] {
    const marker = ` ${tag}: {`;
    return this.#process.stdout.filter((line) => line.includes(marker))
      .map((line) => JSON.parse(line.slice(line.indexOf(marker) + marker.length - 1)));
  }

  /** Stops it in good order, so that all that it has is sent on. */
  async stop(): Promise<void> {
    this.#process.kill("SIGTERM");
    await this.#process.waitForExit();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }
}
