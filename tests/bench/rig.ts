/** The peers of a benchmark: authpeer with many events, and what takes them. */
import { type Authpeer, startAuthpeer } from "../support/authpeer.ts";
import { type FluentdFiles, writeFluentdFiles } from "../support/certificates.ts";
import { startFluentd } from "../support/fluentd.ts";
import { startProgram } from "../support/program.ts";
import { TestProcess } from "../support/process.ts";
import { writeSettings } from "../support/settings_file.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import { fileURLToPath } from "node:url";
import { Meter } from "./meter.ts";
import type { Mode, Part, PartResult } from "./part.ts";

const DENOW = fileURLToPath(new URL("../../scripts/denow", import.meta.url));
/** What V8 is set to, as in the program. */
const [V8_FLAGS] = /--v8-flags=[^"]+/.exec(
  await Deno.readTextFile(new URL("../../scripts/permissions", import.meta.url)),
)!;
const CONFIG = fileURLToPath(new URL("../../deno.json", import.meta.url));

/** A receiver, as the program is told of it. */
export interface Receiver extends AsyncDisposable {
  readonly files: FluentdFiles;
  url(path: string): string;
}

/** What a measurement gave. */
export interface Measurement extends PartResult {
  readonly peakRssMegabytes: number;
}

/** A running source, and how many events it has for the mode. */
export interface Source {
  readonly authpeer: Authpeer;
  readonly events: number;
  readonly sessionIds: readonly string[];
}

/** Recordings as large as those of an hour of work. */
const SESSION_EVENTS = 5000;

/** Starts authpeer with so many events of one day, or of recordings. */
export async function startSource(
  folder: string,
  options: { mode: Mode; events: number; chunkEvents?: number },
): Promise<Source & AsyncDisposable> {
  const { chunkEvents, events, mode } = options;
  await Deno.mkdir(folder, { recursive: true });
  const sessions = mode === "sessions" ? Math.ceil(events / SESSION_EVENTS) : 0;
  const authpeer = await startAuthpeer({
    dir: folder,
    flags: {
      mode: mode === "bulk" ? "bulk" : "legacy",
      bench: true,
      events: mode === "sessions" ? sessions : events,
      days: 1,
      sessions,
      "session-events": SESSION_EVENTS,
      ...(chunkEvents === undefined ? {} : { "chunk-events": chunkEvents }),
    },
    journal: false,
  });
  const recordings = await authpeer.control<{ sid: string; events: number }[]>("/sessions");
  return {
    authpeer,
    events: authpeer.ready.events + recordings.reduce((sum, { events }) => sum + events, 0),
    sessionIds: recordings.map(({ sid }) => sid),
    [Symbol.asyncDispose]: () => authpeer[Symbol.asyncDispose](),
  };
}

/** Starts the receiver that counts nothing and costs little; each answer comes after `latencyMs`. */
export async function startCountingReceiver(folder: string, latencyMs = 0): Promise<Receiver> {
  const files = await writeFluentdFiles(folder);
  const process = startChild("counting_receiver_child.ts", [
    files.serverCertificate,
    files.serverKey,
    `${latencyMs}`,
  ]);
  const { port } = JSON.parse(await process.waitForLine(/^\{/, { from: "stdout" }));
  return {
    files,
    url: (path) => `https://localhost:${port}${path}`,
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  };
}

/** Starts real Fluentd, which throws everything away or keeps it in a buffer of files. */
export async function startFluentdReceiver(
  folder: string,
  options: { executable: string; output: "null" | "file" },
): Promise<Receiver> {
  const { executable, output } = options;
  return await startFluentd({
    executable,
    folder,
    discard: output === "null",
    fileBuffer: output === "file",
  });
}

/** What a part needs to know of the peers. */
export function partOf(
  { authpeer, sessionIds }: Source,
  receiver: Receiver,
  part: Pick<Part, "part" | "mode" | "pageSize">,
): Part {
  const { files } = receiver;
  return {
    ...part,
    address: authpeer.address,
    identity: authpeer.file("identity"),
    startMs: Date.parse(authpeer.ready.start),
    sessionIds,
    receiver: {
      url: receiver.url("/bench.log"),
      authority: files.authority,
      certificate: files.clientCertificate,
      key: files.clientKey,
    },
  };
}

/** Runs a part of the work. */
export async function measurePart(part: Part): Promise<Measurement> {
  return await runChild("parts_child.ts", part);
}

async function runChild(name: string, part: Part): Promise<Measurement> {
  await using child = startChild(name, [JSON.stringify(part)]);
  await using meter = new Meter(child.pid);
  const line = await child.waitForLine(/^\{/, { from: "stdout", timeoutMs: 600_000 });
  return { ...JSON.parse(line) as PartResult, peakRssMegabytes: meter.usage.peakRssMegabytes };
}

/** Posts the same arrays as fast as the receiver takes them. */
export async function measureLoad(part: Part & { requests: number }): Promise<Measurement> {
  return await runChild("load_child.ts", part);
}

/**
 * Runs the whole program until it has sent everything. Time and CPU are counted from the moment when
 * it begins to read to its end.
 */
export async function measureProgram(
  { authpeer, events }: Source,
  receiver: Receiver,
  settings: Readonly<Record<string, string>> = {},
): Promise<Measurement> {
  await using folder = await temporaryFolder();
  const config = await writeSettings({
    folder: folder.path,
    address: authpeer.address,
    identity: authpeer.file("identity"),
    url: (path) => receiver.url(path),
    files: receiver.files,
    extra: { "start-time": `"${authpeer.ready.start}"`, ...settings },
  });
  await using program = startProgram({
    args: ["start", "--config", config, "--exit-on-last-event"],
    withoutCoverage: true,
  });
  await using meter = new Meter(program.pid);
  await program.waitForLine(/Reading the audit log by/);
  const startMs = performance.now();
  const before = meter.usage;
  const { code } = await program.waitForExit(900_000);
  const seconds = (performance.now() - startMs) / 1000;
  if (code !== 0) throw new Error(`The program ended with ${code}: ${program.stderr.join("\n")}`);
  const { cpuSeconds, peakRssMegabytes } = meter.usage;
  return {
    events,
    seconds,
    cpuSeconds: cpuSeconds - before.cpuSeconds,
    peakRssMegabytes,
  };
}

function startChild(name: string, args: readonly string[]): TestProcess {
  return new TestProcess({
    command: DENOW,
    args: [
      "run",
      "--quiet",
      "--allow-all",
      V8_FLAGS,
      `--config=${CONFIG}`,
      fileURLToPath(new URL(name, import.meta.url)),
      ...args,
    ],
  });
}
