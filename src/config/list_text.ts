/**
 * Parses a comma-separated list. A comma that belongs to an entry is written `\,`; blanks around
 * entries and empty entries are dropped.
 */
export function parseList(text: string): readonly string[] {
  return text.split(/(?<!\\),/)
    .map((entry) => entry.replaceAll("\\,", ",").trim())
    .filter((entry) => entry !== "");
}

/** Formats a list so that {@linkcode parseList} reads it back. */
export function formatList(entries: readonly string[]): string {
  return entries.map((entry) => entry.replaceAll(",", "\\,")).join(",");
}
