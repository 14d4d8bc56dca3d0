// deno-lint-ignore-file no-console -- this is the terminal's
/** `scripts/bench`: measures the program and its parts against ceilings of the same run. */
import { formatError } from "../../src/core/fault.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import { type LiveDelays, measureLive } from "./live.ts";
import { type Aging, measureAging } from "./aging.ts";
import { measureIdleFollower, measureReplicas } from "./replicas.ts";
import { measureStart } from "./start.ts";
import { formatTable, type Row } from "./table.ts";
import {
  measureLoad,
  type Measurement,
  measurePart,
  measureProgram,
  partOf,
  type Receiver,
  startCountingReceiver,
  startFluentdReceiver,
  startSource,
} from "./rig.ts";
import { type BenchOptions, parseBenchOptions } from "./parse_bench_options.ts";
import { type Mode, type Part, REQUEST_EVENTS } from "./part.ts";

const USAGE = `Usage: scripts/bench [OPTION]…
       scripts/bench --gate

Measures the program and its parts, and what its peers can do, in one run; docs/performance.md says
what the rows mean. AUTHPEER names the auth server; Fluentd comes from scripts/setup-peers.

  --only SUBJECT   one of paged, bulk, sessions, fluentd, live, start and aging (default: all of them),
                   or of soak (ten million events, some five minutes) and replicas
  --events N       events of each row (default: 200000)
  --json FILE      write the figures to this file as well
  --gate           fail when an event has become dearer than tests/bench/baseline.json says

Exits with 2 when the command line is wrong, or a peer is missing, or FILE cannot be written.`;

const PAGE_SIZES = { "20": 20, "500": 500, adaptive: undefined } as const;

const EVENTS = 200_000;
const SOAK_EVENTS = 10_000_000;

class Bench {
  readonly rows: Row[] = [];

  /** Measures one row; `ceiling` names the row that it is compared with. */
  async row(
    name: string,
    measure: () => Promise<Measurement>,
    ceiling?: string,
  ): Promise<void> {
    const measurement = await measure();
    const eventsPerSecond = measurement.events / measurement.seconds;
    const base = this.rows.find((row) => row.name === ceiling);
    this.rows.push({
      name,
      events: measurement.events,
      eventsPerSecond,
      cpuMicrosecondsPerEvent: measurement.cpuSeconds * 1e6 / measurement.events,
      peakRssMegabytes: measurement.peakRssMegabytes,
      ...(base === undefined
        ? {}
        : { ceiling: base.name, ratio: eventsPerSecond / base.eventsPerSecond }),
    });
    console.error(formatTable(this.rows.slice(-1)));
  }
}

async function measureMode(
  bench: Bench,
  options: { mode: Mode; events: number; folder: string; receiver: Receiver },
): Promise<void> {
  const { events, folder, mode, receiver } = options;
  await using source = await startSource(`${folder}/${mode}`, { mode, events });
  const sizes = mode === "paged" ? Object.entries(PAGE_SIZES) : [["", undefined] as const];
  for (const [size, pageSize] of sizes) {
    const name = mode === "paged" ? `paged ${size}` : mode;
    const part = (what: Part["part"]) => partOf(source, receiver, { part: what, mode, pageSize });
    const ceiling = `${name}: receive only`;
    // authpeer makes a recording when it is read for the first time.
    if (mode === "sessions") await measurePart(part("receiveOnly"));
    await bench.row(ceiling, () => measurePart(part("receiveOnly")));
    await bench.row(`${name}: + transcode`, () => measurePart(part("transcode")), ceiling);
    await bench.row(`${name}: + post`, () => measurePart(part("post")), ceiling);
    await bench.row(
      `${name}: + commit (all of it)`,
      () =>
        measureProgram(source, receiver, pageSize === undefined ? {} : { batch: `${pageSize}` }),
      ceiling,
    );
  }
}

async function measureFluentd(
  bench: Bench,
  options: { events: number; folder: string; executable: string; output: "null" | "file" },
): Promise<void> {
  const { events, executable, folder, output } = options;
  await using source = await startSource(`${folder}/source-${output}`, { mode: "paged", events });
  await Deno.mkdir(`${folder}/fluentd-${output}`);
  await using receiver = await startFluentdReceiver(`${folder}/fluentd-${output}`, {
    executable,
    output,
  });
  const ceiling = `Fluentd ${output}: load generator`;
  await bench.row(ceiling, () =>
    measureLoad({
      ...partOf(source, receiver, { part: "post", mode: "paged" }),
      requests: Math.ceil(events / REQUEST_EVENTS),
    }));
  await bench.row(`Fluentd ${output}: all of it`, () => measureProgram(source, receiver), ceiling);
}

/** Chunks of 20 events, and windows of a minute and a half: thousands of each. */
async function measureAgings(
  { events, folder }: { events: number; folder: string },
): Promise<{ [name: string]: Aging }> {
  await Deno.mkdir(`${folder}/aging`);
  await using receiver = await startCountingReceiver(`${folder}/aging`);
  const measure = async (mode: "paged" | "bulk", settings: { [name: string]: string }) => {
    const source = { mode, events, chunkEvents: 20 };
    await using started = await startSource(`${folder}/aging-${mode}`, source);
    return await measureAging(started, receiver, settings);
  };
  return {
    [`${events / 20} chunks`]: await measure("bulk", {}),
    "960 windows": await measure("paged", { "window-size": '"90s"' }),
  };
}

/** One long run of the log by pages, as long as it takes for a leak of bytes to show. */
async function measureSoak(
  { events, folder }: { events: number; folder: string },
): Promise<{ [name: string]: Aging }> {
  await Deno.mkdir(`${folder}/soak`);
  await using receiver = await startCountingReceiver(`${folder}/soak`);
  await using source = await startSource(`${folder}/soak-source`, { mode: "paged", events });
  return { soak: await measureAging(source, receiver) };
}

/** Reads the command line; says what is wrong with it, or what it may be, and ends the process. */
function readOptions(): BenchOptions {
  const refuse = (message: string): never => {
    console.error(message);
    Deno.exit(2);
  };
  try {
    const options = parseBenchOptions(Deno.args);
    if (options.help) {
      console.log(USAGE);
      Deno.exit(0);
    }
    if (Deno.env.get("AUTHPEER") === undefined) {
      return refuse("AUTHPEER must name the auth server for tests (CONTRIBUTING.md)");
    }
    if (options.only === "fluentd" && Deno.env.get("FLUENTD_OLDEST") === undefined) {
      return refuse("FLUENTD_OLDEST must name a Fluentd; scripts/setup-peers installs one");
    }
    if (options.json !== undefined) tryFile(options.json, refuse);
    return options;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return refuse(`${error.message}; scripts/bench --help tells the options`);
  }
}

/** What takes minutes to measure must not be lost for a file that cannot be written. */
function tryFile(path: string, refuse: (message: string) => never): void {
  try {
    Deno.writeTextFileSync(path, "", { append: true });
  } catch (error) {
    refuse(`--json ${path} cannot be written: ${formatError(error)}`);
  }
}

if (import.meta.main) {
  const { json, only, ...options } = readOptions();
  const isSoak = only === "soak";
  const events = options.events ?? (isSoak ? SOAK_EVENTS : EVENTS);
  const wants = (word: BenchOptions["only"]) => only === undefined || only === word;
  const bench = new Bench();
  let live: LiveDelays | undefined;
  await using folder = await temporaryFolder();
  {
    await Deno.mkdir(folder.join("counting"));
    await using receiver = await startCountingReceiver(folder.join("counting"));
    for (const mode of ["paged", "bulk", "sessions"] as const) {
      if (wants(mode)) await measureMode(bench, { mode, events, folder: folder.path, receiver });
    }
  }
  const executable = Deno.env.get("FLUENTD_OLDEST");
  if (wants("fluentd") && executable !== undefined) {
    for (const output of ["null", "file"] as const) {
      await measureFluentd(bench, { events, folder: folder.path, executable, output });
    }
  }
  const aging: { readonly [name: string]: Aging } = {};
  if (isSoak) Object.assign(aging, await measureSoak({ events, folder: folder.path }));
  if (wants("aging")) Object.assign(aging, await measureAgings({ events, folder: folder.path }));
  let startMs: number | undefined;
  if (wants("start")) startMs = await measureStart(11);
  if (wants("live")) {
    await using source = await startSource(folder.join("live"), { mode: "paged", events: 0 });
    live = await measureLive(source.authpeer, 200);
  }
  // Of minutes, and between many processes: only when it is named.
  const isReplicas = only === "replicas";
  const replicas = isReplicas ? await measureReplicas(folder.join("replicas")) : [];
  const idle = isReplicas ? await measureIdleFollower(folder.join("idle")) : undefined;
  console.log(formatTable(bench.rows));
  for (const { cpuSeconds, replicas: count, seconds, speedup, streamsPerSecond } of replicas) {
    console.log(
      `${count} replicas: ${seconds.toFixed(1)} s, ${streamsPerSecond.toFixed(1)} recordings and ` +
        `chunks a second, ${speedup.toFixed(2)} times one, ${cpuSeconds.toFixed(0)} s of CPU`,
    );
  }
  if (idle !== undefined) {
    const { cpuPercent, rssMegabytes } = idle;
    console.log(
      `An idle follower: ${cpuPercent.toFixed(2)} % of a core, ${rssMegabytes.toFixed(0)} MB`,
    );
  }
  for (
    const [name, { cpuRatio, events, peakRssMegabytes, rssGrowthMegabytes }] of Object.entries(
      aging,
    )
  ) {
    console.log(
      `\n${name}: CPU for an event at the end / at the beginning ${
        cpuRatio.toFixed(2)
      }, memory grew by ` +
        `${rssGrowthMegabytes.toFixed(0)} MB to at most ${
          peakRssMegabytes.toFixed(0)
        } MB, ${events} events`,
    );
  }
  if (live !== undefined) {
    const [p50, p99] = [live.p50Ms.toFixed(0), live.p99Ms.toFixed(0)];
    console.log(`\nLive, beyond the poll interval: p50 ${p50} ms, p99 ${p99} ms`);
  }
  if (startMs !== undefined) console.log(`\nStart to first call: ${startMs.toFixed(0)} ms`);
  if (json !== undefined) {
    await Deno.writeTextFile(
      json,
      JSON.stringify({ rows: bench.rows, aging, live, startMs, replicas, idle }, null, 2) + "\n",
    );
  }
}
