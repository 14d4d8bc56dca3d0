/** One block of a PEM text, with its label (`CERTIFICATE`) and its lines, markers included. */
export interface PemBlock {
  readonly label: string;
  readonly pem: string;
}

const BEGIN = /^-----BEGIN ([A-Z0-9 ]+)-----$/;

/**
 * Splits a text into its PEM blocks, in order. What stands between blocks is skipped, and white space
 * around lines is dropped.
 *
 * @throws {SyntaxError} when a block does not end.
 */
export function parsePemBlocks(text: string): PemBlock[] {
  const blocks: PemBlock[] = [];
  let label: string | undefined;
  let lines: string[] = [];
  for (const rawLine of text.split("\n")) {
    const line = rawLine.trim();
    if (label === undefined) {
      label = BEGIN.exec(line)?.[1];
      if (label !== undefined) lines = [line];
      continue;
    }
    if (line.startsWith("-----BEGIN ")) break;
    lines.push(line);
    if (line.startsWith("-----END ")) {
      if (line !== `-----END ${label}-----`) break;
      blocks.push({ label, pem: lines.join("\n") + "\n" });
      label = undefined;
    }
  }
  if (label !== undefined) throw new SyntaxError(`PEM block '${label}' does not end`);
  return blocks;
}

/** Whether the block holds a private key, of whatever format. */
export function isPrivateKey(block: PemBlock): boolean {
  return block.label.endsWith("PRIVATE KEY");
}
