import type { Config } from "../config/config.ts";
import type { Clock } from "../core/clock.ts";
import { createEventFilter } from "../core/event_filter.ts";
import { Fault } from "../core/fault.ts";
import type { Logger } from "../core/logger.ts";
import { FluentdLanes, FluentdSink } from "../fluentd/fluentd_sink.ts";
import type { ReceiverTls } from "../fluentd/lane.ts";
import { DeliveryLog } from "../log/delivery_log.ts";
import { DryRunSink } from "../pipeline/dry_run_sink.ts";
import type { PositionStore, Sink } from "../pipeline/ports.ts";
import { superviseStream } from "../pipeline/supervise_stream.ts";
import { KvPositionStore } from "../state/kv_position_store.ts";
import { MemoryPositionStore } from "../state/memory_position_store.ts";
import { QuarantineFile } from "../state/quarantine_file.ts";
import { openStorageFolder, storageFolderFor } from "../state/storage_folder.ts";
import { StorageLock } from "../state/storage_lock.ts";
import { type AuthConnection, createAuthConnection } from "../teleport/auth_connection.ts";
import type { TeleportCredentials } from "../teleport/credentials.ts";
import { LogStream } from "../teleport/log_stream.ts";
import { encodeLogPosition } from "../teleport/log_position.ts";
import { firstLogPosition } from "./first_position.ts";
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
const MAX_BODY_BYTES = 4 * 1024 * 1024;
/** What waits between Teleport and Fluentd: enough for the next request to be ready in time. */
const MAX_BYTES_IN_FLIGHT = 4 * 1024 * 1024;

/** Builds everything that a run consists of, and runs it until it ends or is stopped. */
export async function forwardLog(input: ForwardLogInput): Promise<void> {
  const { abort, clock, config, credentials, logger, stop } = input;
  using cleanup = new DisposableStack();
  const folder = storageFolderFor(config.storage, config.teleportAddr);
  const store = cleanup.use(await openStore(input, folder));
  const connection = cleanup.use(createAuthConnection({ ...config.teleportAddr, credentials }));
  const { sink, lanes } = createSink(input);
  if (lanes !== undefined) cleanup.use(lanes);
  const observer = new DeliveryLog({
    logger,
    clock,
    sentMessage: config.dryRun ? "Event would be sent" : "Event sent",
  });
  const firstPosition = await readFirstPosition(input, { store, connection });
  if (firstPosition === undefined) return;
  const stream = new LogStream({
    auditLog: connection.auditLog,
    clock,
    types: config.types,
    pageSize: config.batch,
    windowMs: config.windowSizeMs,
    pollMs: config.timeoutMs,
    endWhenCaughtUp: config.exitOnLastEvent,
  });
  try {
    await superviseStream({
      stream,
      firstPosition: encodeLogPosition(firstPosition),
      filter: createEventFilter({ types: config.types, skipTypes: config.skipEventTypes }),
      sink,
      store,
      quarantine: new QuarantineFile({ folder: `${folder}/quarantine`, clock }),
      observer,
      clock,
      maxBytes: MAX_BYTES_IN_FLIGHT,
      stop,
      abort,
    });
  } finally {
    observer.finish();
  }
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
    commit: (commit) => store.commit(commit),
    [Symbol.dispose]: () => held[Symbol.dispose](),
  };
}

function createSink(input: ForwardLogInput): { sink: Sink; lanes?: FluentdLanes } {
  const { clock, config, logger, receiverTls } = input;
  const limits = { maxEvents: config.fluentdBatchEvents, maxBytes: MAX_BODY_BYTES };
  if (config.dryRun) return { sink: new DryRunSink(limits) };
  const lanes = new FluentdLanes({
    tls: receiverTls,
    userAgent: `teleport-event-handler/${VERSION}`,
    timeoutMs: REQUEST_TIMEOUT_MS,
    clock,
    logger,
    maxLanes: config.fluentdMaxConnections || config.concurrency * 2,
  });
  return { sink: new FluentdSink({ lanes, url: config.fluentdUrl, limits }), lanes };
}

/** Undefined when the run was stopped before Teleport could be asked. */
async function readFirstPosition(
  input: ForwardLogInput,
  { store, connection }: { store: PositionStore; connection: AuthConnection },
) {
  try {
    return await firstLogPosition({
      startMs: input.config.startTimeMs,
      cursor: input.config.cursor,
      storage: input.config.storage,
      auditLog: connection.auditLog,
      ...input,
      store,
    });
  } catch (error) {
    if (error instanceof Fault || !input.stop.aborted) throw error;
    return undefined;
  }
}
