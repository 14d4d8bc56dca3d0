import { renderConfigProblems } from "../config/config_problem.ts";
import type { Config } from "../config/config.ts";
import { loadConfig } from "../config/load_config.ts";
import { SETTING_NAMES } from "../config/settings.ts";
import { systemClock } from "../core/clock.ts";
import { escapeControls } from "../core/escape_controls.ts";
import { createEventFilter } from "../core/event_filter.ts";
import type { AuditEvent } from "../core/event.ts";
import { Fault } from "../core/fault.ts";
import type { Logger } from "../core/logger.ts";
import { createLogger } from "../log/create_logger.ts";
import { DeliveryLog } from "../log/delivery_log.ts";
import type { RejectedEvent } from "../pipeline/ports.ts";
import { superviseStream } from "../pipeline/supervise_stream.ts";
import { MemoryPositionStore } from "../state/memory_position_store.ts";
import { type AuthConnection, createAuthConnection } from "../teleport/auth_connection.ts";
import { boundLog } from "../teleport/bounded_log.ts";
import { readTeleportCredentials } from "../teleport/credentials.ts";
import { encodeLogPosition, startOfLog } from "../teleport/log_position.ts";
import { LogStream } from "../teleport/log_stream.ts";
import { credentialPathsOf } from "./credential_paths.ts";
import { type ExportArgs, parseExportArgs } from "./export_args.ts";
import { CSV_FIELDS, EXPORT_FORMATS } from "./export_format.ts";
import { ExportSink, STANDARD_OUTPUT } from "./export_sink.ts";
import { requirePeers } from "./require_peers.ts";
import type { CliInput } from "./run_cli.ts";
import { settingsSources } from "./settings_sources.ts";
import { listenForStop } from "./stop_signals.ts";
import { showsColor, writeErr, writeLine, writeOut } from "./terminal.ts";
import { PROGRAM } from "./usage.ts";
import { openWholeFile, type WholeFile } from "./write_whole_file.ts";
import { readTeleportNetwork } from "./teleport_network.ts";

/** Events that wait to be written. */
const MAX_BYTES = 2 * 1024 * 1024;
/** Fluentd and the storage have no part in it. */
const UNNEEDED = SETTING_NAMES.filter((name) => /^(fluentd|storage)(-|$)/.test(name));

/** Runs `export`: writes the events of a span of time once, and returns the exit code. */
export async function runExport(input: CliInput): Promise<number> {
  const args = parseExportArgs(input.args, systemClock.nowMs());
  if (args === undefined) {
    writeOut(formatExportHelp());
    return 0;
  }
  using signals = listenForStop();
  const sources = settingsSources({ ...input, args: args.settings });
  const loaded = await loadConfig(sources, { unneeded: UNNEEDED });
  if (!loaded.ok) {
    writeErr(renderConfigProblems(loaded.problems));
    return loaded.exitCode;
  }
  const { config } = loaded;
  using logger = createLogger({
    format: config.logFormat,
    severity: config.debug ? "debug" : "warning",
    color: showsColor(input.env),
    clock: systemClock,
    write: (line) => writeLine(Deno.stderr, line),
  });
  const credentials = await readTeleportCredentials(
    credentialPathsOf(config),
    systemClock.nowMs(),
  );
  using connection = createAuthConnection({
    ...config.teleportAddr,
    credentials,
    callTimeoutMs: config.teleportTimeoutMs,
    network: readTeleportNetwork(input.env),
  });
  await requireTeleport(config, connection, signals.stop);
  await using file = args.output === undefined ? undefined : await openWholeFile(args.output);
  const run = new Export({ args, config, connection, logger, file });
  return await run.run(signals.stop);
}

/** @throws {Fault} when Teleport does not answer a first call. */
async function requireTeleport(
  config: Config,
  connection: AuthConnection,
  stop: AbortSignal,
): Promise<void> {
  try {
    const receiverTls = {} as never;
    // What is tried of a dry run is Teleport alone.
    const settings = { ...config, dryRun: true };
    await requirePeers({ config: settings, clock: systemClock, connection, receiverTls, stop });
  } catch (error) {
    if (!(error instanceof Fault) || stop.aborted) throw error;
    throw new Fault(error.kind, error.message, {
      hint: "Try doctor with the same settings; nothing was exported",
      cause: error,
    });
  }
}

interface ExportOptions {
  readonly args: ExportArgs;
  readonly config: Config;
  readonly connection: AuthConnection;
  readonly logger: Logger;
  readonly file: WholeFile | undefined;
}

/** One export: the pipeline of `start` between the log by pages and a file, without a state. */
class Export {
  readonly #options: ExportOptions;
  readonly #observer: ExportLog;
  readonly #ended = new AbortController();
  readonly #sink: ExportSink;

  constructor(options: ExportOptions) {
    const { args, file, logger } = options;
    this.#options = options;
    this.#observer = new ExportLog({ logger, clock: systemClock, sentMessage: "Event exported" });
    this.#sink = new ExportSink({
      format: EXPORT_FORMATS[args.format](args.fields),
      target: file ?? STANDARD_OUTPUT,
      onEnd: () => this.#ended.abort(),
    });
  }

  async run(stop: AbortSignal): Promise<number> {
    const signal = AbortSignal.any([stop, this.#ended.signal]);
    const sink = this.#sink;
    await sink.begin();
    await this.#forward(signal);
    if (sink.failure !== undefined) throw sink.failure;
    if (stop.aborted) {
      const left = this.#options.file === undefined ? "" : "; no file is left";
      writeErr(`Stopped before the end: ${this.#describe()}${left}\n`);
      return 1;
    }
    if (!sink.isReaderGone) await this.#options.file?.finish();
    writeErr(`Exported ${this.#describe()}\n`);
    const isWhole = sink.leftOutCount === 0 && this.#observer.abandonedCount === 0;
    return isWhole ? 0 : 1;
  }

  async #forward(signal: AbortSignal): Promise<void> {
    const { args, config, connection, logger: _ } = this.#options;
    const { fromMs, toMs } = args;
    const observer = this.#observer;
    const stream = new LogStream({
      auditLog: boundLog(connection.auditLog, toMs),
      clock: systemClock,
      types: config.types,
      pageSize: config.batch,
      windowMs: config.windowSizeMs,
      pollMs: config.timeoutMs,
      lookbackMs: config.lookbackMs,
      endWhenCaughtUp: true,
      stallMs: config.stallAfterMs,
      onStalled: (reason) => observer.stalled("log", reason),
      onMoving: (attempts) => observer.recovered("log", "source", attempts),
      onPassedOver: (reason) => observer.abandoned("log", reason),
    });
    const isWanted = createEventFilter({ types: config.types, skipTypes: config.skipEventTypes });
    // An event without a time is one that the server gave for this span.
    const isInSpan = ({ timeMs }: AuditEvent) =>
      timeMs === 0 || (timeMs >= fromMs && timeMs < toMs);
    await superviseStream({
      stream,
      firstPosition: encodeLogPosition(startOfLog(fromMs)),
      filter: (event) => isInSpan(event) && isWanted(event),
      sink: this.#sink,
      store: new MemoryPositionStore(),
      quarantine: this.#sink,
      observer,
      clock: systemClock,
      maxBytes: MAX_BYTES,
      stop: signal,
      abort: signal,
    });
  }

  /** "12 events from … to …, 3 left out by types …". */
  #describe(): string {
    const { fromMs, toMs, output } = this.#options.args;
    const { isReaderGone, leftOutCount, writtenCount } = this.#sink;
    const [from, to] = [fromMs, toMs].map((ms) => new Date(ms).toISOString().replace(".000Z", "Z"));
    const parts = [
      `${writtenCount} ${writtenCount === 1 ? "event" : "events"} from ${from} to ${to}`,
    ];
    if (output !== undefined) parts[0] += ` to '${escapeControls(output)}'`;
    if (leftOutCount > 0) parts.push(`${leftOutCount} left out, because they have no JSON`);
    if (this.#observer.abandonedCount > 0) parts.push("Teleport did not give all");
    if (isReaderGone) parts.push("whoever read them did not want more");
    return parts.join("; ");
  }
}

/** What is said of an export: outages, and what is missing. */
class ExportLog extends DeliveryLog {
  readonly #logger: Logger;
  #abandonedCount = 0;

  constructor(options: ConstructorParameters<typeof DeliveryLog>[0]) {
    super(options);
    this.#logger = options.logger;
  }

  /** Places at which Teleport did not give what it has. */
  get abandonedCount(): number {
    return this.#abandonedCount;
  }

  override rejected({ event, reason }: RejectedEvent): void {
    this.#logger.error("Event left out", { id: event.id, type: event.type, reason });
  }

  override abandoned(streamId: string, reason: string): void {
    this.#abandonedCount++;
    super.abandoned(streamId, reason);
  }
}

function formatExportHelp(): string {
  return `Usage: ${PROGRAM} export --from TIME [--to TIME] [FLAG...]

Write the events of a span of time once, to standard output or a file. No state is read or written,
and nothing is sent to Fluentd.

      --from TIME      First moment, such as 2026-01-31T00:00:00Z
      --to TIME        The moment after the last one [now]
      --format FORMAT  jsonl: one JSON object on each line; csv: a table [jsonl]
      --fields LIST    Columns of csv: names of fields, or paths such as a.b
                       [${CSV_FIELDS.slice(0, 6).join(",")},
                       ${CSV_FIELDS.slice(6, 11).join(",")},
                       ${CSV_FIELDS.slice(11).join(",")}]
      --output FILE    A file, which is put in place once it is whole [standard output]
  -h, --help           Show this text

The flags, variables and keys of start that have to do with Teleport count too, and types and
skip-event-types; see ${PROGRAM} start --help. What is done is said on standard error.

Exit code: 0 all was written, or the reader wanted no more; 1 something is missing; 2 the command line
is wrong; 78 a setting is wrong.
`;
}
