import type { ConfigFiles } from "./config_files.ts";
import type { ConfigProblem } from "./config_problem.ts";
import { readEnvironment } from "./environment.ts";
import { type ProblemText, SettingResolver } from "./setting_resolver.ts";
import { parseSettingsFile, SettingsSyntaxError } from "./settings_file.ts";
import { parseStartArgs } from "./start_args.ts";

/** Everything that the settings are read from. */
export interface SourcesInput {
  /** Arguments of `start`, without the word itself. */
  readonly args: readonly string[];
  /** Environment variables; those that are no settings are not looked at. */
  readonly env: { readonly [name: string]: string };
  /** The files that settings name. */
  readonly files: ConfigFiles;
  /** The directory that `~` stands for. @default {undefined} */
  readonly homeDir?: string | undefined;
}

/** The sources, read. No setting but `config` is looked at yet. */
export interface Sources {
  /** Resolves settings; it has the problems with the settings file. */
  readonly resolver: SettingResolver;
  /** What is wrong with the command line itself. */
  readonly argsProblems: readonly ConfigProblem[];
  /** Most likely mistakes. */
  readonly warnings: readonly string[];
  /** False when a settings file is named that cannot be read: nobody knows then what it sets. */
  readonly hasFile: boolean;
}

/** Reads the command line, the environment, and the settings file that one of them names. */
export async function readSources(input: SourcesInput): Promise<Sources> {
  const args = parseStartArgs(input.args);
  const environment = readEnvironment(input.env);
  const resolver = new SettingResolver({
    flags: args.values,
    environment: environment.values,
    files: input.files,
    homeDir: input.homeDir,
  });
  const warnings = [...environment.warnings];
  await resolver.resolve("config");
  const configFile = resolver.get("config") as string | undefined;
  let hasFile = configFile !== undefined || !resolver.has("config");
  if (configFile !== undefined) {
    try {
      const file = parseSettingsFile(await input.files.readText(configFile), configFile);
      resolver.useFile(configFile, file.values);
      warnings.push(...file.warnings);
    } catch (error) {
      resolver.addProblem("config", describeFileError(error));
      hasFile = false;
    }
  }
  return { resolver, argsProblems: args.problems, warnings, hasFile };
}

/** The file is wrong, and not the flag that names it. */
function describeFileError(error: unknown): ProblemText {
  if (error instanceof SettingsSyntaxError) {
    return {
      kind: "config",
      problem: `Not valid TOML at line ${error.line}, column ${error.column}: ${error.message}`,
      hint: "Correct the line; text values stand in quotes",
    };
  }
  const reason = error instanceof Error ? error.message : String(error);
  return {
    kind: "config",
    problem: `The file cannot be read: ${reason}`,
    hint: "Check the path and its permissions",
  };
}
