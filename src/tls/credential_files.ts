import { Fault, formatError } from "../core/fault.ts";

/** Where the texts of credentials come from: the disk, or what was read of it at one moment. */
export interface CredentialFiles {
  /** @throws {Fault} when the file cannot be read. */
  readText(path: string): Promise<string>;
}

/** The files themselves. */
export const credentialFiles: CredentialFiles = {
  async readText(path) {
    try {
      return await Deno.readTextFile(path);
    } catch (error) {
      throw new Fault("credentials", `Cannot read '${path}': ${formatError(error)}`);
    }
  },
};
