/** What stands at a path. */
export type FileState = "file" | "directory" | "missing" | "unreadable";

/** The file system as the settings see it: it is only ever read. */
export interface ConfigFiles {
  /** Says what stands at a path. Never throws. */
  inspect(path: string): Promise<FileState>;
  /** Reads a file as UTF-8. Throws what the platform throws. */
  readText(path: string): Promise<string>;
}

/** Files that are read again and again, which what comes from a pipe cannot be. */
export interface RegularFiles extends Pick<ConfigFiles, "readText"> {
  /** Says whether a regular file stands at a path: any other may never open. Throws what the platform throws. */
  isRegular(path: string): Promise<boolean>;
}

/** The file system of the machine. */
export const systemFiles: ConfigFiles & RegularFiles = {
  async inspect(path) {
    try {
      const info = await Deno.stat(path);
      if (info.isDirectory) return "directory";
      // Only a regular file may be opened to try: a pipe would lose what its writer has to say.
      if (info.isFile) (await Deno.open(path)).close();
      return "file";
    } catch (error) {
      const missing = error instanceof Deno.errors.NotFound ||
        error instanceof Deno.errors.NotADirectory;
      return missing ? "missing" : "unreadable";
    }
  },
  isRegular: async (path) => (await Deno.stat(path)).isFile,
  readText: (path) => Deno.readTextFile(path),
};
