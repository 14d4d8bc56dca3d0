/** Asks a running program for what it serves at `diagnostics-addr`. */
import { DEFAULT_TIMEOUT_MS } from "./bell.ts";
import { findFreePort } from "./free_port.ts";

/** Pause between two looks: what the program knows is seen by asking alone. */
const LOOK_MS = 50;

/** An answer, read to its end. */
export interface DiagnosticsAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** The samples of one scrape, by name and labels as they are written: `up{peer="x"}`. */
export type Samples = ReadonlyMap<string, number>;

/** See the head of this file. */
export class DiagnosticsClient {
  readonly port: number;

  constructor(port: number = findFreePort()) {
    this.port = port;
  }

  /** The setting, as the command line takes it. */
  get args(): string[] {
    return ["--diagnostics-addr", `127.0.0.1:${this.port}`];
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  async get(path: string, init: RequestInit = {}): Promise<DiagnosticsAnswer> {
    const response = await fetch(this.url(path), init);
    return { status: response.status, headers: response.headers, text: await response.text() };
  }

  /** Resolves with the first answer that a look at it finds right; the server may not be up yet. */
  async waitFor(
    path: string,
    isRight: (answer: DiagnosticsAnswer) => boolean,
    timeoutMs = DEFAULT_TIMEOUT_MS,
  ): Promise<DiagnosticsAnswer> {
    const endMs = performance.now() + timeoutMs;
    let last = "no answer";
    while (performance.now() < endMs) {
      const answer = await this.get(path).catch((error) => void (last = String(error)));
      if (answer !== undefined && isRight(answer)) return answer;
      if (answer !== undefined) last = `${answer.status}\n${answer.text}`;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    throw new Error(`Waited ${timeoutMs} ms in vain for ${path}; the last answer was ${last}`);
  }

  /** Resolves when the program says that it is ready. */
  async waitForReady(timeoutMs?: number): Promise<void> {
    await this.waitFor("/readyz", ({ status }) => status === 200, timeoutMs);
  }

  /** Resolves with what is said when `condition`, and it alone, fails. */
  async waitForFailing(condition: string, timeoutMs?: number): Promise<string> {
    const { text } = await this.waitFor("/readyz", ({ status, text }) => {
      const failing = [...text.matchAll(/^\[-\](\S+) failed/gm)].map(([, name]) => name);
      return status === 503 && failing.join() === condition;
    }, timeoutMs);
    return text.split("\n").find((line) => line.startsWith(`[-]${condition} failed`))!;
  }

  /** Scrapes once. */
  async scrape(): Promise<Samples> {
    const { status, text } = await this.get("/metrics");
    if (status !== 200) throw new Error(`Scraping gives ${status}: ${text}`);
    return parseSamples(text);
  }
}

/** Parses Prometheus' text form as far as our own metrics need it. */
export function parseSamples(text: string): Samples {
  const samples = new Map<string, number>();
  for (const line of text.split("\n")) {
    const match = /^([a-z_]+(?:\{[^}]*\})?) (\S+)$/.exec(line);
    if (match !== null) samples.set(match[1]!, Number(match[2]));
    else if (line !== "" && !line.startsWith("#")) throw new SyntaxError(`No sample: ${line}`);
  }
  return samples;
}
