const RFC3339 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?(?:([Zz])|([+-])(\d{2}):(\d{2}))$/;
const WITHOUT_OFFSET = /^\d{4}-\d{2}-\d{2}(?:[Tt ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?$/;

/**
 * Parses an RFC 3339 time into milliseconds since the epoch; finer fractions are cut off. The "T" and
 * "Z" may be lower case, and a blank may stand for the "T".
 *
 * @throws {SyntaxError} If the text is no RFC 3339 time, or has no offset from UTC.
 * @throws {RangeError} If the date or the time of day does not exist (leap seconds included), or lies
 * outside of the years 0 to 9999 in UTC.
 */
export function parseRfc3339(text: string): number {
  const match = RFC3339.exec(text);
  if (match === null) {
    const problem = WITHOUT_OFFSET.test(text)
      ? "has no offset from UTC"
      : "is not an RFC 3339 time";
    throw new SyntaxError(`${JSON.stringify(text)} ${problem}`);
  }
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as Fields;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) {
    throw new RangeError(`The date ${text.slice(0, 10)} does not exist`);
  }
  if (hour > 23 || minute > 59 || second > 59) {
    throw new RangeError(`The time of day ${text.slice(11, 19)} does not exist`);
  }
  const offsetHours = Number(match[10] ?? 0);
  const offsetMinutes = Number(match[11] ?? 0);
  if (offsetHours > 23 || offsetMinutes > 59) {
    throw new RangeError(`The offset ${text.slice(-6)} does not exist`);
  }
  date.setUTCHours(hour, minute, second, Number((match[7] ?? "").padEnd(3, "0").slice(0, 3)));
  const offsetMs = (offsetHours * 60 + offsetMinutes) * 60_000;
  const ms = date.getTime() + (match[9] === "-" ? offsetMs : -offsetMs);
  const utcYear = new Date(ms).getUTCFullYear();
  if (utcYear < 0 || utcYear > 9999) {
    throw new RangeError(`${JSON.stringify(text)} lies outside of the years 0 to 9999`);
  }
  return ms;
}

/**
 * Formats milliseconds since the epoch as an RFC 3339 time in UTC, with milliseconds only where there
 * are some: "2021-01-01T00:00:00Z".
 *
 * @throws {RangeError} If it lies outside of the years 0 to 9999.
 */
export function formatRfc3339(ms: number): string {
  const text = new Date(ms).toISOString();
  if (text.length !== 24) throw new RangeError(`${ms} ms lies outside of the years 0 to 9999`);
  return text.replace(".000Z", "Z");
}

type Fields = [
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
];
