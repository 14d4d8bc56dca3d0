import { Fault, formatError } from "../core/fault.ts";

/** A file that is written piece by piece, and takes its name when it is whole. */
export interface WholeFile extends AsyncDisposable {
  write(bytes: Uint8Array): Promise<void>;
  /** Puts it in place of what had its name. Without that, disposing leaves nothing behind. */
  finish(): Promise<void>;
}

/**
 * Begins a file that its owner alone may read.
 *
 * @throws {Fault} of kind `state` when that cannot be; so do its methods.
 */
export async function openWholeFile(path: string): Promise<WholeFile> {
  const target = await Deno.realPath(path).catch(() => path);
  const temporary = `${target}.partial-${crypto.randomUUID().slice(0, 8)}`;
  let file: Deno.FsFile;
  try {
    const info = await Deno.stat(target).catch(() => undefined);
    if (info !== undefined && !info.isFile) throw new Error("It is no regular file");
    file = await Deno.open(temporary, { write: true, createNew: true, mode: 0o600 });
  } catch (error) {
    throw cannotWrite(path, error);
  }
  let isOpen = true;
  let isFinished = false;
  const attempt = async <T>(use: () => Promise<T>): Promise<T> => {
    try {
      return await use();
    } catch (error) {
      throw cannotWrite(path, error);
    }
  };
  const close = () => {
    if (isOpen) file.close();
    isOpen = false;
  };
  return {
    write: (bytes) =>
      attempt(async () => {
        for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
      }),
    finish: () =>
      attempt(async () => {
        await file.sync();
        close();
        await Deno.rename(temporary, target);
        isFinished = true;
      }),
    async [Symbol.asyncDispose]() {
      close();
      if (!isFinished) await Deno.remove(temporary).catch(() => {});
    },
  };
}

function cannotWrite(path: string, error: unknown): Fault {
  return new Fault("state", `Cannot write '${path}': ${formatError(error)}`, {
    hint: "Nothing is left of it; give another file, or make room",
    cause: error,
  });
}
