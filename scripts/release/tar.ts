/** A file to be put into an archive. */
export interface TarEntry {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly executable: boolean;
}

const BLOCK = 512;

/**
 * Forms a tar archive (POSIX ustar). Written here, because equal files must give equal archives on
 * every machine, and each system's `tar` has options of its own for that, or none.
 */
export function formatTar(entries: readonly TarEntry[], time: Date): Uint8Array<ArrayBuffer> {
  const size = entries.reduce((sum, { bytes }) => sum + BLOCK + padded(bytes.length), 0);
  const archive = new Uint8Array(padded(size) + 2 * BLOCK);
  let at = 0;
  for (const entry of entries) {
    archive.set(formatHeader(entry, time), at);
    archive.set(entry.bytes, at + BLOCK);
    at += BLOCK + padded(entry.bytes.length);
  }
  return archive;
}

function formatHeader({ bytes, executable, path }: TarEntry, time: Date): Uint8Array {
  const header = new Uint8Array(BLOCK);
  const encoder = new TextEncoder();
  const put = (offset: number, text: string) => header.set(encoder.encode(text), offset);
  const putOctal = (offset: number, digits: number, value: number) =>
    put(offset, value.toString(8).padStart(digits, "0"));
  if (encoder.encode(path).length > 100) throw new RangeError(`Path '${path}' is too long for tar`);
  put(0, path);
  putOctal(100, 7, executable ? 0o755 : 0o644);
  putOctal(108, 7, 0); // root owns it
  putOctal(116, 7, 0);
  putOctal(124, 11, bytes.length);
  putOctal(136, 11, Math.floor(time.getTime() / 1000));
  put(148, " ".repeat(8)); // stands for the sum while that is made
  put(156, "0");
  put(257, "ustar\x0000root");
  put(297, "root");
  putOctal(148, 6, header.reduce((sum, byte) => sum + byte, 0));
  header[154] = 0;
  return header;
}

function padded(bytes: number): number {
  return Math.ceil(bytes / BLOCK) * BLOCK;
}
