import { createHash } from "node:crypto";

const NAME = "SHA256SUMS";

/** Writes `SHA256SUMS` over some files of a folder, in the form of `sha256sum`. */
export async function writeChecksumFile(folder: string, names: readonly string[]): Promise<void> {
  const lines: string[] = [];
  for (const name of [...names].sort()) {
    lines.push(`${await sha256(`${folder}/${name}`)}  ${name}\n`);
  }
  await Deno.writeTextFile(`${folder}/${NAME}.new`, lines.join(""));
  await Deno.rename(`${folder}/${NAME}.new`, `${folder}/${NAME}`);
}

async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  using file = await Deno.open(path);
  for await (const part of file.readable) hash.update(part);
  return hash.digest("hex");
}
