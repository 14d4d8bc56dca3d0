import { canonicalJson } from "./known_event.ts";

/** An event that lies in quarantine. */
export interface Quarantined {
  readonly stream: string;
  readonly id: string;
  readonly reason: string;
  /** As `KnownEvent.key`; undefined for an event whose payload is no JSON. */
  readonly key: string | undefined;
}

/** Reads all lines of the quarantine; the last one of a file may be torn by a kill. */
export async function readQuarantined(storage: string): Promise<Quarantined[]> {
  const found: Quarantined[] = [];
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(`${storage}/quarantine`)) names.push(name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  for (const name of names.filter((name) => name.includes(".jsonl")).sort()) {
    const text = await Deno.readTextFile(`${storage}/quarantine/${name}`);
    for (const line of text.split("\n")) {
      const entry = parseLine(line);
      if (entry === undefined) continue;
      found.push({
        stream: String(entry["stream"]),
        id: String(entry["id"]),
        reason: String(entry["reason"]),
        key: entry["event"] === undefined ? undefined : canonicalJson(entry["event"] as object),
      });
    }
  }
  return found;
}

function parseLine(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
