import { Fault, formatError } from "../core/fault.ts";
import type { JsonValue, Position } from "../core/position.ts";
import { isSessionId } from "../core/session_id.ts";
import type { StreamPosition } from "../pipeline/ports.ts";
import { decodeBulkPosition } from "../teleport/bulk_position.ts";
import { decodeLogPosition } from "../teleport/log_position.ts";
import { decodePending, GO_ADOPTED, GO_PENDING } from "./go_streams.ts";
import type { Positions } from "./state_store.ts";

/** What tells a state from other JSON. */
const FORMAT = "teleport-event-handler state";
const VERSION = 1;
/** More than that no store takes for one stream. */
const MAX_POSITION_BYTES = 60 * 1024;
const MAX_PROBLEMS = 10;

/** What is known of the state beside it. */
export interface StateOrigin {
  readonly program: string;
  /** Address of Teleport. */
  readonly teleport: string;
  readonly nowMs: number;
}

/** What each kind of stream holds; a check throws, or returns what was expected in its place. */
const STREAMS: readonly {
  readonly id: RegExp;
  readonly check: (position: Position, match: RegExpExecArray) => string | undefined | void;
}[] = [
  { id: /^log$/, check: (position) => void decodeLogPosition(position) },
  { id: /^bulk$/, check: (position) => void decodeBulkPosition(position) },
  {
    id: /^(?:abandoned\/)?session\/(.*)$/s,
    check({ index, version }, [, id]) {
      if (!isSessionId(id)) return "the id of a session in its name";
      if (version !== 1) return '"version": 1';
      return isCount(index) ? undefined : '"index": the number of an event';
    },
  },
  {
    id: /^chunk\/\d{4}-\d{2}-\d{2}\/.+$/s,
    check({ cursor, version }) {
      if (version !== 1) return '"version": 1';
      return typeof cursor === "string" ? undefined : '"cursor": a text';
    },
  },
  { id: /^done\/\d{4}-\d{2}-\d{2}\/.+$/s, check: () => undefined },
  { id: /^failed-login\/.+$/s, check: () => undefined },
  { id: new RegExp(`^${GO_PENDING}$`), check: (position) => void decodePending(position) },
  { id: new RegExp(`^${GO_ADOPTED}$`), check: () => undefined },
];

/** Writes a state as JSON: an object, with one line for each stream. */
export function formatStateDocument(
  positions: Positions,
  { nowMs, program, teleport }: StateOrigin,
): string {
  const head = {
    format: FORMAT,
    version: VERSION,
    exportedAt: new Date(nowMs).toISOString(),
    program,
    teleport,
  };
  const lines = [...positions].map(([streamId, position]) =>
    `    ${JSON.stringify(streamId)}: ${JSON.stringify(position)}`
  );
  const fields = Object.entries(head).map(([key, value]) => `  "${key}": ${JSON.stringify(value)}`);
  const body = lines.length === 0 ? "{}" : `{\n${lines.join(",\n")}\n  }`;
  return `{\n${[...fields, `  "positions": ${body}`].join(",\n")}\n}\n`;
}

/**
 * Reads a state that was written as JSON; `source` names where the text is from.
 *
 * @throws {Fault} of kind `state` that says what is wrong, where, and what was expected.
 */
export function parseStateDocument(text: string, source: string): StreamPosition[] {
  const document = parseJson(text, source);
  if (!isObject(document) || document["format"] !== FORMAT) {
    throw unusable(source, `"format" is not ${JSON.stringify(FORMAT)}`);
  }
  const { positions, version } = document;
  if (version !== VERSION) {
    const isNewer = typeof version === "number" && version > VERSION;
    throw new Fault(
      "state",
      `Cannot use ${source}: it has version ${JSON.stringify(version)}, and this program reads ` +
        `version ${VERSION}`,
      isNewer ? { hint: "A newer version of this program wrote it; import it with that one" } : {},
    );
  }
  if (!isObject(positions)) throw unusable(source, '"positions" is no object');
  const problems: string[] = [];
  const streams: StreamPosition[] = [];
  for (const [streamId, position] of Object.entries(positions)) {
    const problem = findProblem(streamId, position);
    if (problem === undefined) streams.push({ streamId, position: position as Position });
    else problems.push(`positions[${JSON.stringify(streamId)}]: ${problem}`);
  }
  if (problems.length > 0) {
    const more = problems.length - MAX_PROBLEMS;
    const rest = more > 0 ? `; and ${more} more` : "";
    throw unusable(source, problems.slice(0, MAX_PROBLEMS).join("; ") + rest);
  }
  return streams;
}

function parseJson(text: string, source: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (text.trim() === "") throw unusable(source, "it is empty");
    throw unusable(source, `it is no JSON: ${formatError(error)}`);
  }
}

function findProblem(streamId: string, position: JsonValue | undefined): string | undefined {
  if (!isObject(position)) return "expected an object";
  const bytes = new TextEncoder().encode(JSON.stringify(position)).length;
  if (bytes > MAX_POSITION_BYTES) return `holds ${bytes} bytes, more than a store takes`;
  for (const { check, id } of STREAMS) {
    const match = id.exec(streamId);
    if (match === null) continue;
    try {
      const expected = check(position as Position, match);
      return expected === undefined ? undefined : `expected ${expected}`;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return error.message;
    }
  }
  return "is no stream that this version knows";
}

function unusable(source: string, problem: string): Fault {
  return new Fault("state", `Cannot use ${source}: ${problem}`, {
    hint: "Give a file that state export has written; nothing was changed",
  });
}

function isObject(value: unknown): value is { [key: string]: JsonValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): boolean {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
