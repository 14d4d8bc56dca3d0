import type { Clock } from "../core/clock.ts";
import { Fault } from "../core/fault.ts";
import type { Logger } from "../core/logger.ts";
import {
  readTeleportCredentials,
  type TeleportCredentialPaths,
  type TeleportCredentials,
} from "./credentials.ts";

/** How credentials are kept fresh. */
export interface RefreshOptions {
  readonly paths: TeleportCredentialPaths;
  /** Those in use. */
  readonly credentials: TeleportCredentials;
  /** Pause between two looks, in milliseconds. */
  readonly intervalMs: number;
  /** Told of credentials that are new and sound. */
  readonly onNew: (credentials: TeleportCredentials) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Reads the credentials again and again until `signal` is aborted, and passes on those that changed:
 * tbot and cert-manager put new ones in their place. What cannot be used is told of once, and the old
 * ones stay in use.
 */
export async function refreshCredentials(
  options: RefreshOptions,
  signal: AbortSignal,
): Promise<void> {
  const { clock, intervalMs, logger, onNew, paths } = options;
  let current = options.credentials;
  let problem = "";
  while (!signal.aborted) {
    await clock.sleep(intervalMs, signal).catch(() => {});
    if (signal.aborted) return;
    try {
      const read = await readTeleportCredentials(paths, clock.nowMs());
      problem = "";
      if (isSame(read, current)) continue;
      current = read;
      onNew(read);
      logger.info("New credentials for Teleport are in use from the next connection on", {
        user: read.user,
        until: new Date(read.notAfterMs).toISOString(),
      });
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      if (error.text === problem) continue;
      problem = error.text;
      logger.warning(`The old credentials for Teleport stay in use: ${error.text}`);
    }
  }
}

function isSame(a: TeleportCredentials, b: TeleportCredentials): boolean {
  return a.key === b.key && a.certificate === b.certificate &&
    a.authorities.join() === b.authorities.join();
}
