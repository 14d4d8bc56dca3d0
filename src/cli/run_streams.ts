import type { Logger } from "../core/logger.ts";
import { Lockout } from "../pipeline/lockout.ts";
import type { LogPosition } from "../teleport/log_position.ts";
import { TeleportUserLocker } from "../teleport/user_locker.ts";
import type { Forwarding } from "./forwarding.ts";
import { LogForwarding } from "./log_forwarding.ts";
import { createSessionScheduler } from "./session_forwarding.ts";

const MODES = {
  paged: "Reading the audit log by pages: this server has no bulk export",
  bulk: "Reading the audit log by chunks: this server has bulk export",
};

/** Runs the log and the sessions that it opens; the end of the log lets the sessions come to theirs. */
export async function runStreams(
  all: Forwarding,
  { firstPosition, logger }: { firstPosition: LogPosition; logger: Logger },
): Promise<void> {
  // What ends one of them ends the other.
  const ended = new AbortController();
  const forwarding = { ...all, stop: AbortSignal.any([all.stop, ended.signal]) };
  // Reading a recording is an event of its own in the audit log: a dry run leaves no such traces.
  const sessions = forwarding.config.dryRun ? undefined : createSessionScheduler(forwarding);
  if (sessions !== undefined) all.status.useSessions(() => sessions.counts);
  const left = await sessions?.load() ?? 0;
  if (left > 0) logger.info("Session recordings are waiting from an earlier run", { count: left });
  const lockout = createLockout(forwarding, logger);
  await lockout?.load();
  const log = new LogForwarding(forwarding, {
    sessions,
    lockout,
    onMode(mode) {
      all.status.useMode(mode);
      logger.info(MODES[mode]);
    },
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
