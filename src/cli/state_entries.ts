import { escapeControls } from "../core/escape_controls.ts";
import { Fault } from "../core/fault.ts";
import type { QuarantineFolder } from "../state/quarantine_folder.ts";
import type { QuarantineEntry } from "../state/quarantine_line.ts";

/** Shorter beginnings of a key name nothing. */
const MIN_KEY_LENGTH = 4;

/**
 * Finds out which lines of the quarantine are meant by the names on a command line, and returns their
 * keys; all of them when none are named.
 *
 * @throws {Fault} when a name means none, or several that differ.
 */
export async function findEntries(
  quarantine: QuarantineFolder,
  names: readonly string[] | "all",
): Promise<ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  const keys = new Set<string>();
  for await (const entry of quarantine.read()) {
    if (names === "all") keys.add(entry.key);
    else {
      for (const name of names) {
        if (!isNamed(entry, name)) continue;
        found.set(name, (found.get(name) ?? new Set()).add(entry.key));
        keys.add(entry.key);
      }
    }
  }
  for (const name of names === "all" ? [] : names) {
    const matches = found.get(name)?.size ?? 0;
    if (matches === 0) {
      throw new Fault("usage", `Nothing in the quarantine is named '${name}'`, {
        hint: "See state quarantine list",
      });
    }
    // The same event may lie there several times; a beginning of a key is meant for one.
    if (matches > 1 && [...found.get(name)!].every((key) => key.startsWith(name))) {
      throw new Fault("usage", `Several entries begin with '${name}': ${matches}`, {
        hint: "Give more of it; see state quarantine list",
      });
    }
  }
  return keys;
}

/** Describes an entry in a few words for a line of text. */
export function describeEntry({ content, key }: QuarantineEntry): string {
  const text = "defect" in content
    ? `a line that cannot be read (${content.defect})`
    : `${content.type} ${content.id}`.trimEnd();
  return escapeControls(`${key} ${text}`);
}

function isNamed({ content, key }: QuarantineEntry, name: string): boolean {
  if (name.length >= MIN_KEY_LENGTH && key.startsWith(name)) return true;
  return name !== "" && "id" in content && content.id === name;
}
