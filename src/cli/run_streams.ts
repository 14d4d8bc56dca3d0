import type { Logger } from "../core/logger.ts";
import { Lockout } from "../pipeline/lockout.ts";
import type { StreamSharing } from "../pipeline/ports.ts";
import { patientStore } from "../pipeline/patient_store.ts";
import type { HeldFiles } from "../state/held_files.ts";
import type { LogPosition } from "../teleport/log_position.ts";
import { TeleportUserLocker } from "../teleport/user_locker.ts";
import type { Forwarding } from "./forwarding.ts";
import { LogForwarding } from "./log_forwarding.ts";
import { createSessionScheduler } from "./session_forwarding.ts";

const MODES = {
  paged: "Reading the audit log by pages: this server has no bulk export",
  bulk: "Reading the audit log by chunks: this server has bulk export",
};

/** Pause between two looks for the files of the store. */
const HELD_PAUSE_MS = 5000;

/** What a run shares with other replicas. */
export interface SharedRun {
  readonly sharing: StreamSharing;
  /** Resolves when the log is this replica's: false when that cannot be any more. */
  readonly waitToLead: () => Promise<boolean>;
}

/** Runs the log and the sessions that it opens; the end of the log lets the sessions come to theirs. */
export async function runStreams(
  all: Forwarding,
  { firstPosition, held, logger, shared }: {
    readonly firstPosition: LogPosition;
    readonly logger: Logger;
    /** Where the store is in files. */
    readonly held?: HeldFiles | undefined;
    /** Where several replicas use the store. */
    readonly shared?: SharedRun;
  },
): Promise<void> {
  // What ends one of them ends the other.
  const ended = new AbortController();
  const stop = AbortSignal.any([all.stop, ended.signal]);
  const forwarding = { ...all, stop, store: patientStore(all.store, { ...all, stop }) };
  const sharing = shared?.sharing;
  // Reading a recording is an event of its own in the audit log: a dry run leaves no such traces.
  const sessions = forwarding.config.dryRun
    ? undefined
    : createSessionScheduler(forwarding, sharing);
  if (sessions !== undefined) all.status.useSessions(() => sessions.counts);
  const left = await sessions?.load() ?? 0;
  if (left > 0) logger.info("Session recordings are waiting from an earlier run", { count: left });
  const lockout = createLockout(forwarding, logger);
  if (shared === undefined) await lockout?.load();
  const log = new LogForwarding(forwarding, {
    sessions,
    lockout,
    sharing,
    onMode(mode) {
      all.status.useMode(mode);
      logger.info(MODES[mode]);
    },
  });
  const lead = async () => {
    if (shared !== undefined && !await shared.waitToLead()) return;
    if (shared === undefined || lockout === undefined) {
      await log.run(firstPosition);
    } else {
      await lockout.watchWhile(log.run(firstPosition), forwarding.config.leaseRetryMs);
    }
    await lockout?.settled();
    log.drainShared();
    sessions?.drain();
  };
  const running = [lead(), log.runShared(), sessions?.run()];
  // A commit looks by itself; while there are none, a second handler is not to go unnoticed.
  const lost = held?.watch({ clock: all.clock, pauseMs: HELD_PAUSE_MS, signal: ended.signal });
  try {
    await Promise.race([Promise.all(running), ...lost === undefined ? [] : [lost]]);
  } finally {
    ended.abort();
    await Promise.allSettled([...running, lost]);
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
