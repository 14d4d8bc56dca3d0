import { escapeControls } from "../core/escape_controls.ts";
import { Fault } from "../core/fault.ts";
import type { QuarantineEntries } from "../state/quarantine_entries.ts";
import type { QuarantineEntry } from "../state/quarantine_line.ts";

/** Shorter beginnings of a key name nothing. */
const MIN_KEY_LENGTH = 4;

/**
 * Finds out which lines of the quarantine are meant by the names on a command line, and returns whether
 * an entry is one of them.
 *
 * @throws {Fault} when a name means none, or several that differ.
 */
export async function findEntries(
  quarantine: QuarantineEntries,
  names: readonly string[] | "all",
): Promise<(entry: QuarantineEntry) => boolean> {
  if (names === "all") return () => true;
  const found = new Map(names.map((name) => [name, new Set<string>()]));
  for await (const entry of quarantine.read()) {
    for (const name of names) if (isNamed(entry, name)) found.get(name)!.add(entry.key);
  }
  for (const [name, { size }] of found) {
    if (size === 0) {
      throw new Fault("usage", `Nothing in the quarantine is named '${name}'`, {
        hint: "See state quarantine list",
      });
    }
    // The same event may lie there several times; the beginning of a key is meant for one.
    if (size > 1 && [...found.get(name)!].every((key) => key.startsWith(name))) {
      throw new Fault("usage", `Several entries begin with '${name}': ${size}`, {
        hint: "Give more of it; see state quarantine list",
      });
    }
  }
  const keys = new Set([...found.values()].flatMap((found) => [...found]));
  return ({ key }) => keys.has(key);
}

/** Describes an entry in a few words for a line of text. */
export function describeEntry({ content, key }: QuarantineEntry): string {
  const text = "defect" in content
    ? `a line that cannot be read (${content.defect})`
    : `${content.type} ${content.id}`.trimEnd();
  return escapeControls(`${key} ${text}`);
}

function isNamed(entry: QuarantineEntry, name: string): boolean {
  if (name.length >= MIN_KEY_LENGTH && entry.key.startsWith(name)) return true;
  return name !== "" && "id" in entry.content && entry.content.id === name;
}
