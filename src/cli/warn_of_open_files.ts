import type { LoadedConfig } from "../config/load_config.ts";
import type { Logger } from "../core/logger.ts";
import { inspectFileModes } from "../tls/file_modes.ts";
import { namedFilesOf } from "./named_files.ts";

/** Warns of secrets that every user of the machine may read, and of files that others may change. */
export async function warnOfOpenFiles(logger: Logger, loaded: LoadedConfig): Promise<void> {
  const { advice = "", status, text } = await inspectFileModes(namedFilesOf(loaded));
  if (status === "warning") logger.warning(`${text}. Close them with: ${advice}`);
}
