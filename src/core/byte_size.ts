/** Bytes of each unit: those with an "i" count by 1024, the others by 1000. */
const UNIT_BYTES: { readonly [unit: string]: number } = {
  b: 1,
  kb: 1000,
  mb: 1000 ** 2,
  gb: 1000 ** 3,
  tb: 1000 ** 4,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  tib: 1024 ** 4,
};

const BYTE_SIZE = /^(\d+(?:\.\d+)?) ?([a-z]*)$/i;

/**
 * Parses a number of bytes: "1GiB", "1.5 GB", "512". A number without a unit is bytes.
 *
 * @throws {SyntaxError} If the text is no number of bytes.
 * @throws {RangeError} If it is larger than a number can hold exactly.
 */
export function parseByteSize(text: string): number {
  const [, number = "", unit = ""] = BYTE_SIZE.exec(text) ?? [];
  if (number === "") throw new SyntaxError(`Not a number of bytes: ${JSON.stringify(text)}`);
  const scale = unit === "" ? 1 : UNIT_BYTES[unit.toLowerCase()];
  if (scale === undefined) {
    throw new SyntaxError(
      `Unknown unit ${JSON.stringify(unit)} in the number of bytes ${JSON.stringify(text)}`,
    );
  }
  const bytes = Math.floor(Number(number) * scale);
  if (!Number.isSafeInteger(bytes)) throw new RangeError(`Too many bytes: ${JSON.stringify(text)}`);
  return bytes;
}

/** Formats a number of bytes for people, with at most one decimal: "1 GiB", "1.5 MiB", "512 B". */
export function formatByteSize(bytes: number): string {
  let amount = bytes;
  let unit = "B";
  for (const next of ["KiB", "MiB", "GiB", "TiB"]) {
    if (amount < 1024) break;
    amount /= 1024;
    unit = next;
  }
  // Cut, not rounded: what is almost full is not shown as full.
  return `${Math.floor(amount * 10) / 10} ${unit}`;
}
