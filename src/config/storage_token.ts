import { Fault } from "../core/fault.ts";
import type { Config } from "./config.ts";
import type { RegularFiles } from "./config_files.ts";

/**
 * Reads the access token of the server in `storage`: the content of its file without the line end after
 * it, or what the environment says. It is read when asked for, so that a replaced file counts.
 *
 * @throws {Fault} Of kind `config`, if it cannot be read or is none.
 */
export async function readStorageToken(
  config: Pick<Config, "storageToken" | "storageTokenFile">,
  files: RegularFiles,
): Promise<string> {
  const path = config.storageTokenFile;
  const hint = "Put the access token of the server in storage there, and nothing else";
  let token = config.storageToken ?? "";
  if (path !== undefined) {
    let isRegular: boolean;
    try {
      isRegular = await files.isRegular(path);
      if (isRegular) token = await files.readText(path);
    } catch (cause) {
      throw new Fault("config", `The token file '${path}' cannot be read`, { hint, cause });
    }
    if (!isRegular) {
      throw new Fault("config", `The token file '${path}' is no regular file`, {
        hint: "It is read again and again: a pipe has the token only once",
      });
    }
  }
  token = token.replace(/\r?\n$/, "");
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  const where = path === undefined ? "The token in the environment" : `The token file '${path}'`;
  const what = token === "" ? "is empty" : "holds what no token can, such as a blank or a line end";
  throw new Fault("config", `${where} ${what}`, { hint });
}
