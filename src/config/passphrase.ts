import { Fault } from "../core/fault.ts";
import type { Config } from "./config.ts";
import type { ConfigFiles } from "./config_files.ts";

/**
 * Reads the passphrase of the Fluentd client key: the setting's own value, or the content of the file
 * without the line end after it. Undefined when neither is set. It is read when asked for, so that a
 * replaced file counts.
 *
 * @throws {Fault} Of kind `config`, if the file cannot be read or is empty.
 */
export async function readFluentdKeyPassphrase(
  config: Pick<Config, "fluentdKeyPassphrase" | "fluentdKeyPassphraseFile">,
  files: Pick<ConfigFiles, "readText">,
): Promise<string | undefined> {
  const path = config.fluentdKeyPassphraseFile;
  if (path === undefined) return config.fluentdKeyPassphrase;
  const hint =
    "Put the passphrase of fluentd-key into the file that fluentd-key-passphrase-file names";
  let text: string;
  try {
    text = await files.readText(path);
  } catch (cause) {
    throw new Fault("config", `The passphrase file ${path} cannot be read`, { hint, cause });
  }
  const passphrase = text.replace(/\r?\n$/, "");
  if (passphrase === "") {
    throw new Fault("config", `The passphrase file ${path} is empty`, { hint });
  }
  return passphrase;
}
