/** Nanoseconds of each unit that Go's `time.ParseDuration` knows. */
const UNIT_NANOSECONDS: { readonly [unit: string]: bigint } = {
  ns: 1n,
  us: 1_000n,
  "µs": 1_000n, // U+00B5, micro sign
  "μs": 1_000n, // U+03BC, Greek letter mu
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

/** The longest Go duration: a signed 64-bit count of nanoseconds, about 292 years. */
const MAX_NANOSECONDS = 2n ** 63n - 1n;

const BARE_NUMBER = /^[-+]?\d+$/;
const TERM = /^(\d*)(?:\.(\d*))?([^\d.]*)/;

/**
 * Whether the text is a number without a unit, which {@linkcode parseDuration} reads as nanoseconds.
 * Zero needs no unit and is not counted.
 */
export function isBareNumber(text: string): boolean {
  return BARE_NUMBER.test(text) && BigInt(text.replace("+", "")) !== 0n;
}

/**
 * Parses a duration in Go's syntax ("1h30m", "1.5h", "300ms", "-2s") into milliseconds, which are
 * fractional below one millisecond. A bare number is nanoseconds, as the official handler's parser
 * took it; see {@linkcode isBareNumber}.
 *
 * @throws {SyntaxError} If the text is no duration.
 * @throws {RangeError} If it is longer than Go's 292 years.
 */
export function parseDuration(text: string): number {
  if (BARE_NUMBER.test(text)) return toMs(checkRange(BigInt(text.replace("+", "")), text));
  const negative = text.startsWith("-");
  let rest = text.replace(/^[-+]/, "");
  if (rest === "") throw new SyntaxError(`Not a duration: ${JSON.stringify(text)}`);
  let total = 0n;
  while (rest !== "") {
    const [term = "", whole = "", fraction = "", unit = ""] = TERM.exec(rest) ?? [];
    if (whole === "" && fraction === "") {
      throw new SyntaxError(`Not a duration: ${JSON.stringify(text)}`);
    }
    if (unit === "") throw new SyntaxError(`Duration ${JSON.stringify(text)} lacks a unit`);
    if (!Object.hasOwn(UNIT_NANOSECONDS, unit)) {
      throw new SyntaxError(
        `Unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(text)}`,
      );
    }
    const scale = UNIT_NANOSECONDS[unit]!;
    total += BigInt(whole) * scale;
    total += BigInt(fraction) * scale / 10n ** BigInt(fraction.length);
    checkRange(total, text);
    rest = rest.slice(term.length);
  }
  return toMs(negative ? -total : total);
}

/**
 * Formats milliseconds as a Go duration without empty parts ("1h30m", "24h", "1.5s", "300ms"),
 * rounded to nanoseconds. {@linkcode parseDuration} reads it back.
 */
export function formatDuration(ms: number): string {
  const sign = ms < 0 ? "-" : "";
  const wholeMs = Math.trunc(Math.abs(ms));
  const nanoseconds = BigInt(wholeMs) * 1_000_000n +
    BigInt(Math.round((Math.abs(ms) - wholeMs) * 1e6));
  if (nanoseconds === 0n) return "0s";
  for (
    const [unit, next] of [["ns", 1_000n], ["µs", 1_000_000n], ["ms", 1_000_000_000n]] as const
  ) {
    if (nanoseconds < next) return sign + decimal(nanoseconds, UNIT_NANOSECONDS[unit]!) + unit;
  }
  const hours = nanoseconds / UNIT_NANOSECONDS.h!;
  const minutes = nanoseconds % UNIT_NANOSECONDS.h! / UNIT_NANOSECONDS.m!;
  const rest = nanoseconds % UNIT_NANOSECONDS.m!;
  return sign + (hours > 0n ? `${hours}h` : "") + (minutes > 0n ? `${minutes}m` : "") +
    (rest > 0n ? `${decimal(rest, UNIT_NANOSECONDS.s!)}s` : "");
}

function checkRange(nanoseconds: bigint, text: string): bigint {
  if (nanoseconds > MAX_NANOSECONDS || nanoseconds < -MAX_NANOSECONDS) {
    throw new RangeError(`Duration ${JSON.stringify(text)} is longer than 292 years`);
  }
  return nanoseconds;
}

function toMs(nanoseconds: bigint): number {
  return Number(nanoseconds / 1_000_000n) + Number(nanoseconds % 1_000_000n) / 1e6;
}

function decimal(amount: bigint, unit: bigint): string {
  const fraction = (amount % unit).toString().padStart(unit.toString().length - 1, "0");
  return `${amount / unit}.${fraction}`.replace(/\.?0*$/, "");
}
