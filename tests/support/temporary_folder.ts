/** A folder of its own for one test, removed with everything in it at the end. */
export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string;
  /** Path of something in the folder. */
  join(...names: readonly string[]): string;
}

/** Makes a temporary folder: `await using folder = await temporaryFolder()`. */
export async function temporaryFolder(): Promise<TemporaryFolder> {
  const path = await Deno.makeTempDir({ prefix: "teh-test-" });
  return {
    path,
    join: (...names) => [path, ...names].join("/"),
    async [Symbol.asyncDispose]() {
      await Deno.remove(path, { recursive: true }).catch((error) => {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      });
    },
  };
}
