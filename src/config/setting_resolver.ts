import type { ConfigFiles } from "./config_files.ts";
import type { ConfigProblem } from "./config_problem.ts";
import type { EnvironmentValue } from "./environment.ts";
import { InvalidValue } from "./invalid_value.ts";
import type { FileValue } from "./settings_file.ts";
import type { Setting } from "./setting.ts";
import { flagOf } from "./setting_names.ts";
import {
  parseSettingValue,
  redactSettingText,
  type SettingValue,
  type ValueContext,
} from "./setting_value.ts";
import { type SettingName, settingOf } from "./settings.ts";
import { formatPlace, type Source } from "./source.ts";
import { isUrlText } from "./url_text.ts";
import { describeTomlValue, tomlValueToText } from "./toml_text.ts";

/** What the values are resolved from. */
export interface ResolverInput {
  /** Texts from the command line. */
  readonly flags: ReadonlyMap<SettingName, readonly string[]>;
  /** Values from the environment. */
  readonly environment: ReadonlyMap<SettingName, EnvironmentValue>;
  /** Looked at where a setting names a file. */
  readonly files: ConfigFiles;
  /** The directory that `~` stands for. */
  readonly homeDir: string | undefined;
}

/** What is said about a value. The kind follows from its source unless it is given. */
export type ProblemText = Pick<ConfigProblem, "problem" | "hint"> & Partial<ConfigProblem>;

/** A value in one source, before it is parsed. */
interface Candidate {
  readonly source: Source & { readonly origin: "flag" | "env" | "file" };
  /** As it may be shown. */
  readonly shown: string;
  /** Text to parse. Throws InvalidValue when the source holds no text that could be. */
  text(): string;
}

/** Picks each setting's value from the highest source that has one, and collects what is wrong. */
export class SettingResolver {
  /** What is wrong with values, in the order of resolution. */
  readonly problems: ConfigProblem[] = [];
  /** Most likely mistakes. */
  readonly warnings: string[] = [];
  /** What was assumed, left out or ignored. */
  readonly notices: string[] = [];
  readonly #input: ResolverInput;
  readonly #values = new Map<SettingName, SettingValue>();
  readonly #candidates = new Map<SettingName, Candidate>();
  #file: string | undefined;
  #fileValues: ReadonlyMap<SettingName, FileValue> = new Map();

  constructor(input: ResolverInput) {
    this.#input = input;
  }

  /** Adds the settings file as a source. */
  useFile(file: string, values: ReadonlyMap<SettingName, FileValue>): void {
    this.#file = file;
    this.#fileValues = values;
  }

  /** Whether any source but the default has the setting, validly or not. */
  has(name: SettingName): boolean {
    return this.#candidates.has(name);
  }

  /** The valid value; undefined when there is none. */
  get(name: SettingName): SettingValue | undefined {
    return this.#values.get(name);
  }

  /** Where the value came from. */
  sourceOf(name: SettingName): Source {
    const unset = settingOf(name).default === undefined ? "unset" : "default";
    return this.#candidates.get(name)?.source ?? { origin: unset };
  }

  /** Resolves one setting, once. Every problem with it is kept, none thrown. */
  async resolve(name: SettingName): Promise<void> {
    const setting = settingOf(name);
    const [flag, env, file] = [this.#flag(name), this.#environment(name), this.#fromFile(name)];
    const candidate = flag ?? env ?? file;
    if (candidate !== undefined) this.#candidates.set(name, candidate);
    if (setting.ignored !== undefined) return this.#noteIgnored(setting, candidate);
    if (candidate === undefined) {
      if (setting.default === undefined) return;
      this.#values.set(name, parseSettingValue(setting, setting.default, this.#silent()));
      return;
    }
    if (flag === undefined && env !== undefined && file !== undefined) {
      this.#warnWhenDifferent(setting, env, file);
    }
    try {
      const value = parseSettingValue(setting, candidate.text(), this.#context(candidate));
      await this.#checkFile(setting, value);
      this.#values.set(name, value);
    } catch (error) {
      if (!(error instanceof InvalidValue)) throw error;
      this.addProblem(name, { problem: error.message, hint: error.hint });
    }
  }

  /** Adds a problem with the value that was given for a setting, which then has none. */
  addProblem(name: SettingName, text: ProblemText): void {
    this.#values.delete(name);
    const candidate = this.#candidates.get(name)!;
    this.problems.push({
      kind: candidate.source.origin === "flag" ? "usage" : "config",
      setting: candidate.source.name,
      source: candidate.source,
      value: candidate.shown,
      ...text,
    });
  }

  #flag(name: SettingName): Candidate | undefined {
    const texts = this.#input.flags.get(name);
    if (texts === undefined) return undefined;
    // A list may be given piece by piece; of anything else the last counts.
    const text = settingOf(name).kind === "list" ? texts.join(",") : texts.at(-1)!;
    return textCandidate(settingOf(name), { origin: "flag", name: flagOf(name)! }, text);
  }

  #environment(name: SettingName): Candidate | undefined {
    const found = this.#input.environment.get(name);
    if (found === undefined) return undefined;
    return textCandidate(settingOf(name), { origin: "env", name: found.name }, found.text);
  }

  #fromFile(name: SettingName): Candidate | undefined {
    const found = this.#fileValues.get(name);
    if (found === undefined) return undefined;
    const setting = settingOf(name);
    const { path, line, value, raw } = found;
    return {
      source: { origin: "file", name: path, file: this.#file!, line },
      shown: redactSettingText(setting, describeTomlValue(value, raw)),
      text: () => tomlValueToText(setting, value, raw),
    };
  }

  async #checkFile(setting: Setting, value: SettingValue): Promise<void> {
    if (setting.kind === "storage") {
      if (isUrlText(String(value)) || await this.#input.files.inspect(String(value)) !== "file") {
        return;
      }
      throw new InvalidValue("Is a file, not a directory", "Give a directory, like ./storage");
    }
    if (setting.kind === "output") {
      if (await this.#input.files.inspect(String(value)) !== "directory") return;
      throw new InvalidValue("Is a directory, not a file", "Give the file inside of it");
    }
    if (setting.kind !== "path") return;
    switch (await this.#input.files.inspect(String(value))) {
      case "file":
        return;
      case "missing":
        throw new InvalidValue(
          "No such file",
          "Check the path; a relative one starts at the directory the program is run from",
        );
      case "directory":
        throw new InvalidValue("Is a directory, not a file", "Give the file inside of it");
      case "unreadable":
        throw new InvalidValue("The file cannot be read", "Check the permissions of the file");
    }
  }

  #noteIgnored(setting: Setting, candidate: Candidate | undefined): void {
    if (candidate === undefined) return;
    this.notices.push(`${placeOf(candidate)} is ignored. ${setting.ignored}`);
  }

  #warnWhenDifferent(setting: Setting, env: Candidate, file: Candidate): void {
    try {
      const [a, b] = [env, file].map((candidate) =>
        JSON.stringify(parseSettingValue(setting, candidate.text(), this.#silent()))
      );
      if (a === b) return;
    } catch (error) {
      // A value that is not valid differs from the other, or is reported on its own.
      if (!(error instanceof InvalidValue)) throw error;
    }
    this.warnings.push(
      `${placeOf(env)} is used instead of ${
        placeOf(file)
      }. The official handler would let the file win; remove one of the two`,
    );
  }

  #context(candidate: Candidate): ValueContext {
    return {
      homeDir: this.#input.homeDir,
      notice: (text) => this.notices.push(`${placeOf(candidate)}: ${text}`),
      warn: (text) => this.warnings.push(`${placeOf(candidate)}: ${text}`),
    };
  }

  #silent(): ValueContext {
    return { homeDir: this.#input.homeDir, notice: () => {}, warn: () => {} };
  }
}

function textCandidate(
  setting: Setting,
  source: Candidate["source"],
  text: string,
): Candidate {
  return { source, shown: redactSettingText(setting, text), text: () => text };
}

/** Names a value and where it stands: `batch = "20" (file handler.toml, line 3)`. */
function placeOf({ source, shown }: Candidate): string {
  switch (source.origin) {
    case "flag":
      return `${source.name} ${JSON.stringify(shown)}`;
    case "env":
      return `${source.name}=${JSON.stringify(shown)}`;
    case "file":
      return `${source.name} = ${JSON.stringify(shown)} (file ${
        formatPlace(source.file, source.line)
      })`;
  }
}
