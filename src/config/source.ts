/** Where the value of a setting came from. */
export type Source =
  | { readonly origin: "flag"; /** With dashes. */ readonly name: string }
  | { readonly origin: "env"; /** The variable. */ readonly name: string }
  | {
    readonly origin: "file";
    /** Dotted path of the key. */
    readonly name: string;
    /** Path of the settings file. */
    readonly file: string;
    /** Line of the key; undefined when unknown. */
    readonly line: number | undefined;
  }
  | { readonly origin: "default" }
  | { readonly origin: "unset" };

/** Describes a source in a few words: "env FDFWD_BATCH", "file handler.toml, line 3". */
export function formatSource(source: Source): string {
  switch (source.origin) {
    case "flag":
      return `flag ${source.name}`;
    case "env":
      return `env ${source.name}`;
    case "file":
      return `file ${formatPlace(source.file, source.line)}`;
    case "default":
      return "default";
    case "unset":
      return "not set";
  }
}

/** Describes a place in the settings file: "handler.toml, line 3". */
export function formatPlace(file: string, line: number | undefined): string {
  return line === undefined ? file : `${file}, line ${line}`;
}
