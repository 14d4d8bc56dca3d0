import type { ConfigFiles, FileState } from "../../src/config/config_files.ts";

/** Files by path: their text, or what else stands there. Every other path is missing. */
export class FakeConfigFiles implements ConfigFiles {
  readonly #files: ReadonlyMap<string, string | { readonly state: FileState }>;

  constructor(files: { readonly [path: string]: string | { readonly state: FileState } }) {
    this.#files = new Map(Object.entries(files));
  }

  inspect(path: string): Promise<FileState> {
    const file = this.#files.get(path);
    return Promise.resolve(
      file === undefined ? "missing" : typeof file === "string" ? "file" : file.state,
    );
  }

  readText(path: string): Promise<string> {
    const file = this.#files.get(path);
    if (typeof file === "string") return Promise.resolve(file);
    return Promise.reject(new Error(`Cannot read ${path}`));
  }
}
