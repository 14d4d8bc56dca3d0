import type { Position } from "./position.ts";

/** Where a session recording resumes, and when. */
export interface SessionPosition {
  /** First index that is wanted. */
  readonly index: number;
  /** When the recording was uploaded; milliseconds since the epoch. */
  readonly uploadMs: number;
  /** Tries since the last progress. */
  readonly attempts: number;
  /** Not to be tried before this time; milliseconds since the epoch. */
  readonly dueMs: number;
}

/** The value to store. */
export function encodeSessionPosition(position: SessionPosition): Position {
  return { version: 1, ...position };
}

/** Reads a stored value; what is missing or odd in it counts as the beginning. */
export function decodeSessionPosition(stored: Position): SessionPosition {
  const number = (value: unknown) => Number.isSafeInteger(value) ? value as number : 0;
  return {
    index: Math.max(0, number(stored["index"])),
    uploadMs: number(stored["uploadMs"]),
    attempts: number(stored["attempts"]),
    dueMs: number(stored["dueMs"]),
  };
}
