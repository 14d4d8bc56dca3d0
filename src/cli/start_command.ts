import { systemFiles } from "../config/config_files.ts";
import type { Config } from "../config/config.ts";
import { describeConfig } from "../config/config_dump.ts";
import { renderConfigProblems } from "../config/config_problem.ts";
import { loadConfig, type LoadedConfig } from "../config/load_config.ts";
import { asksForHelp } from "../config/start_args.ts";
import { formatStartHelp } from "../config/start_help.ts";
import { systemClock } from "../core/clock.ts";
import { escapeControls } from "../core/escape_controls.ts";
import { EXIT_CODES, Fault, formatError } from "../core/fault.ts";
import type { Logger } from "../core/logger.ts";
import { readReceiverTls } from "../fluentd/credentials.ts";
import type { ReceiverTls } from "../fluentd/lane.ts";
import { readTeleportCredentials, type TeleportCredentials } from "../teleport/credentials.ts";
import { gatherEntropy } from "../tls/gather_entropy.ts";
import { credentialPathsOf, receiverTlsPathsOf } from "./credential_paths.ts";
import { openDiagnostics } from "./diagnostics.ts";
import { warnOfTelemetry } from "./open_telemetry.ts";
import type { CliInput } from "./run_cli.ts";
import { type Log, openLog } from "./open_log.ts";
import { runUntilStopped } from "./run_until_stopped.ts";
import { settingsSources } from "./settings_sources.ts";
import { showProgress } from "./show_progress.ts";
import { listenForStop } from "./stop_signals.ts";
import { writeErr, writeOut } from "./terminal.ts";
import { PROGRAM } from "./usage.ts";
import { formatVersion } from "./version.ts";
import { readTeleportNetwork, requireHttpProxies } from "./teleport_network.ts";
import { warnOfOpenFiles } from "./warn_of_open_files.ts";

/**
 * Runs `start`. Settings and credentials are checked before anything is created on the disk.
 *
 * @throws {Fault} what ended the run.
 */
export async function runStart(input: CliInput): Promise<number> {
  if (asksForHelp(input.args)) {
    writeOut(formatStartHelp());
    return 0;
  }
  using signals = listenForStop();
  gatherEntropy();
  const loaded = await loadConfig(settingsSources(input));
  if (!loaded.ok) {
    writeErr(renderConfigProblems(loaded.problems));
    return loaded.exitCode;
  }
  const { config } = loaded;
  const log = openLogOrExplain(loaded, input.env);
  if (log === undefined) return EXIT_CODES.config;
  using _closing = log;
  const { logger } = log;
  // Half of the program: it is loaded while files are read.
  const forwarding = import("./forward_log.ts");
  logSettings(logger, loaded);
  warnOfTelemetry(logger, input.env);
  await warnOfOpenFiles(logger, loaded);
  try {
    const credentials = await readCredentials(config);
    const network = readTeleportNetwork(input.env);
    requireHttpProxies(config, network);
    return await runUntilStopped({
      signals,
      shutdownMs: config.shutdownTimeoutMs,
      clock: systemClock,
      logger,
      async run(abort) {
        await using diagnostics = await openDiagnostics({
          loaded,
          logger,
          clock: systemClock,
          stop: signals.stop,
        });
        await using _progress = showProgress({
          log,
          clock: systemClock,
          env: input.env,
          snapshot: () => diagnostics.status.snapshot(),
        });
        const { forwardLog } = await forwarding;
        await forwardLog({
          config,
          diagnostics,
          logger,
          clock: systemClock,
          pid: input.pid,
          network,
          ...credentials,
          stop: signals.stop,
          abort,
        });
      },
    });
  } catch (error) {
    if (!(error instanceof Fault)) {
      if (!log.isOnStderr) logger.error(`Unexpected error: ${formatError(error)}`);
      throw error;
    }
    // What a running handler says goes where its other words went, and to whoever started it.
    logger.error(error.text);
    if (!log.isOnStderr) writeErr(`${PROGRAM}: ${escapeControls(error.text)}\n`);
    return EXIT_CODES[error.kind];
  }
}

/** A log file that cannot be opened is told like any other setting that is wrong. */
function openLogOrExplain(
  { config, sources }: LoadedConfig,
  env: CliInput["env"],
): Log | undefined {
  try {
    return openLog(config, env);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const source = sources["log-output"];
    const setting = "name" in source ? source.name : "log-output";
    const { hint = "", message: problem } = error;
    const value = config.logOutput;
    writeErr(renderConfigProblems([{ kind: "config", setting, source, value, problem, hint }]));
    return undefined;
  }
}

function logSettings(logger: Logger, loaded: LoadedConfig): void {
  const { config, sources } = loaded;
  for (const warning of loaded.warnings) logger.warning(warning);
  for (const notice of loaded.notices) logger.info(notice);
  logger.info(formatVersion());
  if (!logger.isDebug) return;
  for (const { name, value, source } of describeConfig(config, sources)) {
    logger.debug(`Setting ${name}`, { value, source });
  }
}

async function readCredentials(
  config: Config,
): Promise<{ credentials: TeleportCredentials; receiverTls: ReceiverTls }> {
  const nowMs = systemClock.nowMs();
  const credentials = await readTeleportCredentials(credentialPathsOf(config), nowMs);
  const paths = await receiverTlsPathsOf(config, systemFiles);
  const receiverTls = await readReceiverTls(paths, nowMs);
  return { credentials, receiverTls };
}
