import type { Config } from "../config/config.ts";
import { systemFiles } from "../config/config_files.ts";
import { readStorageToken } from "../config/storage_token.ts";
import { isUrlText } from "../config/url_text.ts";
import type { Clock } from "../core/clock.ts";
import { Fault, formatError } from "../core/fault.ts";
import type { KvConnection } from "../state/kv_connection.ts";
import { nameForAddress } from "../state/storage_folder.ts";
import { credentialFiles } from "../tls/credential_files.ts";
import { readCertificates } from "../tls/certificate.ts";
import { VERSION } from "./version.ts";

/** Whether the settings keep the state on a server. */
export function usesStateServer({ storage }: Pick<Config, "storage">): boolean {
  return isUrlText(storage);
}

/**
 * The server that `storage` names, and the part of it that is ours. Nothing is connected yet.
 *
 * @throws {Fault} when the authorities or the token cannot be read.
 */
export async function createStateServer(
  config: Config,
  clock: Clock,
): Promise<KvConnection & Disposable> {
  const readToken = () => readStorageToken(config, systemFiles);
  // What is wrong with the file shows at once.
  await readToken();
  const { storage: url, storageCa, storageTimeoutMs: timeoutMs } = config;
  const caCerts = storageCa === undefined ? [] : [await readAuthorities(storageCa)];
  // A run with its state in a file need not load what speaks to a server.
  const { KvServer } = await import("../state/kv_server.ts");
  const userAgent = `teleport-event-handler/${VERSION}`;
  const db = new KvServer({ url, readToken, caCerts, timeoutMs, userAgent, clock });
  const prefix = ["teleport-event-handler", "v1", nameForAddress(config.teleportAddr)];
  return { db, prefix, [Symbol.dispose]: () => db[Symbol.dispose]() };
}

async function readAuthorities(path: string): Promise<string> {
  const text = await credentialFiles.readText(path);
  try {
    // The runtime skips without a word what it cannot read here.
    readCertificates(text);
  } catch (error) {
    throw new Fault("credentials", `Cannot use '${path}': ${formatError(error)}`, {
      hint: "storage-ca must hold certificates as PEM",
    });
  }
  return text;
}
