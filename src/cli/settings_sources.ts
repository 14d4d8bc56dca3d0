import { systemFiles } from "../config/config_files.ts";
import type { SourcesInput } from "../config/read_sources.ts";
import type { CliInput } from "./run_cli.ts";

/** Where a command finds its settings: in its arguments, in the environment, in files of this machine. */
export function settingsSources({ args, env }: Pick<CliInput, "args" | "env">): SourcesInput {
  return { args, env, files: systemFiles, homeDir: env["HOME"] ?? env["USERPROFILE"] };
}
