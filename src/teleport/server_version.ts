/** Oldest server that has the calls for events without types. */
export const OLDEST_MAJOR = 13;

/** The first number of a version, such as 18 of `18.2.0`; what is none counts as new. */
export function parseMajor(version: string): number {
  return Number(/^v?(\d{1,4})\b/.exec(version)?.[1] ?? OLDEST_MAJOR);
}
