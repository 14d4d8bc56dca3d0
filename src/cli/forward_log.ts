import type { Config } from "../config/config.ts";
import type { Clock } from "../core/clock.ts";
import { Fault } from "../core/fault.ts";
import type { Logger } from "../core/logger.ts";
import { FluentdLanes, FluentdSink } from "../fluentd/fluentd_sink.ts";
import type { ReceiverTls } from "../fluentd/lane.ts";
import { DeliveryLog } from "../log/delivery_log.ts";
import { Lockout } from "../pipeline/lockout.ts";
import { DryRunQuarantine, DryRunSink } from "../pipeline/dry_run.ts";
import type { PositionStore, Sink } from "../pipeline/ports.ts";
import { KvPositionStore } from "../state/kv_position_store.ts";
import { MemoryPositionStore } from "../state/memory_position_store.ts";
import { QuarantineFile } from "../state/quarantine_file.ts";
import { openStorageFolder, storageFolderFor } from "../state/storage_folder.ts";
import { StorageLock } from "../state/storage_lock.ts";
import { type AuthConnection, createAuthConnection } from "../teleport/auth_connection.ts";
import type { TeleportCredentials } from "../teleport/credentials.ts";
import { refreshCredentials, type RefreshOptions } from "../teleport/refresh_credentials.ts";
import { TeleportUserLocker } from "../teleport/user_locker.ts";
import type { LogPosition } from "../teleport/log_position.ts";
import { credentialPathsOf } from "./credential_paths.ts";
import { firstLogPosition } from "./first_position.ts";
import type { Forwarding } from "./forwarding.ts";
import { LogForwarding } from "./log_forwarding.ts";
import { createSessionScheduler } from "./session_forwarding.ts";
import type { StopSignals } from "./stop_signals.ts";
import { VERSION } from "./version.ts";

/** What forwarding needs, all of it checked. */
export interface ForwardLogInput extends Pick<StopSignals, "stop" | "abort"> {
  readonly config: Config;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly pid: number;
  readonly credentials: TeleportCredentials;
  readonly receiverTls: ReceiverTls;
}

/** Longest wait for an answer of the receiver, as in the Go handler. */
const REQUEST_TIMEOUT_MS = 30_000;
const GOODBYE_MS = 20;
const MAX_BODY_BYTES = 4 * 1024 * 1024;
const MODES = {
  paged: "Reading the audit log by pages: this server has no bulk export",
  bulk: "Reading the audit log by chunks: this server has bulk export",
};

/** Builds everything that a run consists of, and runs it until it ends or is stopped. */
export async function forwardLog(input: ForwardLogInput): Promise<void> {
  const { clock, config, credentials, logger } = input;
  await using goodbye = new AsyncDisposableStack();
  // Connections are closed by the runtime's own threads, TLS goodbye first; a process that ends at once
  // cuts that off, and Fluentd logs a warning for each.
  goodbye.defer(() => clock.sleep(GOODBYE_MS));
  using cleanup = new DisposableStack();
  const folder = storageFolderFor(config.storage, config.teleportAddr);
  const store = cleanup.use(await openStore(input, folder));
  const connection = cleanup.use(createAuthConnection({ ...config.teleportAddr, credentials }));
  const refreshing = new AbortController();
  cleanup.defer(() => refreshing.abort());
  if (config.teleportRefreshEnabled) {
    const paths = credentialPathsOf(config);
    const intervalMs = config.teleportRefreshIntervalMs;
    const onNew = (fresh: TeleportCredentials) => connection.useCredentials(fresh);
    const options = { paths, credentials, intervalMs, onNew, clock, logger };
    goodbye.use(startRefreshing(options, refreshing.signal));
  }
  const observer = new DeliveryLog({
    logger,
    clock,
    sentMessage: config.dryRun ? "Event would be sent" : "Event sent",
  });
  const firstPosition = await readFirstPosition(input, { store, connection, folder });
  if (firstPosition === undefined) return;
  try {
    await runStreams({
      ...input,
      store,
      connection,
      observer,
      quarantine: config.dryRun
        ? new DryRunQuarantine()
        : new QuarantineFile({ folder: `${folder}/quarantine`, clock }),
      sinkFor: createSinks(input, cleanup),
    }, { firstPosition, logger });
  } finally {
    observer.finish();
  }
}

/** Runs the log and the sessions that it opens; the end of the log lets the sessions come to theirs. */
async function runStreams(
  all: Forwarding,
  { firstPosition, logger }: { firstPosition: LogPosition; logger: Logger },
): Promise<void> {
  // What ends one of them ends the other.
  const ended = new AbortController();
  const forwarding = { ...all, stop: AbortSignal.any([all.stop, ended.signal]) };
  // Reading a recording is an event of its own in the audit log: a dry run leaves no such traces.
  const sessions = forwarding.config.dryRun ? undefined : createSessionScheduler(forwarding);
  const left = await sessions?.load() ?? 0;
  if (left > 0) logger.info("Session recordings are waiting from an earlier run", { count: left });
  const lockout = createLockout(forwarding, logger);
  await lockout?.load();
  const log = new LogForwarding(forwarding, {
    sessions,
    lockout,
    onMode: (mode) => logger.info(MODES[mode]),
  });
  const running = [
    log.run(firstPosition).then(() => lockout?.settled()).then(() => sessions?.drain()),
    sessions?.run(),
  ];
  try {
    await Promise.all(running);
  } finally {
    ended.abort();
    await Promise.allSettled(running);
  }
}

function createLockout(forwarding: Forwarding, logger: Logger): Lockout | undefined {
  const { clock, config, connection, stop, store } = forwarding;
  if (!config.lockEnabled || config.dryRun) return undefined;
  return new Lockout({
    maxFailures: config.lockFailedAttemptsCount,
    periodMs: config.lockPeriodMs,
    lockMs: config.lockForMs,
    locker: new TeleportUserLocker(connection.auth),
    store,
    clock,
    logger,
    stop,
  });
}

/** Disposing waits for the end, which `signal` brings about. */
function startRefreshing(options: RefreshOptions, signal: AbortSignal): AsyncDisposable {
  const refreshing = refreshCredentials(options, signal);
  return { [Symbol.asyncDispose]: () => refreshing };
}

/** The store with its lock; a dry run keeps its positions in memory and leaves the real ones alone. */
async function openStore(
  input: ForwardLogInput,
  folder: string,
): Promise<PositionStore & Disposable> {
  const { clock, config, logger, pid } = input;
  if (config.dryRun) {
    logger.warning("Dry run: nothing is sent to Fluentd, and the stored position is not touched");
    return Object.assign(new MemoryPositionStore(), { [Symbol.dispose]: () => {} });
  }
  await openStorageFolder(folder);
  using cleanup = new DisposableStack();
  cleanup.use(await StorageLock.acquire(folder, pid));
  const store = cleanup.use(await KvPositionStore.open(`${folder}/state.kv`, clock.nowMs()));
  const held = cleanup.move();
  return {
    read: (streamId) => store.read(streamId),
    list: (prefix) => store.list(prefix),
    commit: (commit) => store.commit(commit),
    forget: (streamIds) => store.forget(streamIds),
    [Symbol.dispose]: () => held[Symbol.dispose](),
  };
}

/** The sinks of the run share their lanes. */
function createSinks(input: ForwardLogInput, cleanup: DisposableStack): (url: string) => Sink {
  const { clock, config, logger, receiverTls } = input;
  const limits = { maxEvents: config.fluentdBatchEvents, maxBytes: MAX_BODY_BYTES };
  if (config.dryRun) return () => new DryRunSink(limits);
  const lanes = cleanup.use(
    new FluentdLanes({
      tls: receiverTls,
      userAgent: `teleport-event-handler/${VERSION}`,
      timeoutMs: REQUEST_TIMEOUT_MS,
      clock,
      logger,
      maxLanes: config.fluentdMaxConnections || config.concurrency * 2,
    }),
  );
  return (url) => new FluentdSink({ lanes, url, limits });
}

/** Undefined when the run was stopped before Teleport could be asked. */
async function readFirstPosition(
  input: ForwardLogInput,
  { store, connection, folder }: {
    store: PositionStore;
    connection: AuthConnection;
    folder: string;
  },
) {
  try {
    return await firstLogPosition({
      startMs: input.config.startTimeMs,
      cursor: input.config.cursor,
      folder,
      auditLog: connection.auditLog,
      ...input,
      store,
    });
  } catch (error) {
    if (error instanceof Fault || !input.stop.aborted) throw error;
    return undefined;
  }
}
