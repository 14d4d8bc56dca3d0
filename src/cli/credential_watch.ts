import type { Config } from "../config/config.ts";
import type { Clock } from "../core/clock.ts";
import type { CredentialStatuses } from "../core/credential_status.ts";
import type { Logger } from "../core/logger.ts";
import { readReceiverTls } from "../fluentd/credentials.ts";
import { describeReceiverCredentials } from "../fluentd/describe_credentials.ts";
import type { ReceiverTls } from "../fluentd/lane.ts";
import { readTeleportCredentials, type TeleportCredentials } from "../teleport/credentials.ts";
import { describeTeleportCredentials } from "../teleport/describe_credentials.ts";
import { type Credential, CredentialBook } from "../tls/credential_book.ts";
import { watchCredentials } from "../tls/watch_credentials.ts";
import { watchExpiry } from "../tls/watch_expiry.ts";
import { credentialPathsOf, receiverTlsPathsOf } from "./credential_paths.ts";

/** What a run uses, and who wants to know of something new. */
export interface CredentialWatchInput {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly credentials: TeleportCredentials;
  readonly receiverTls: ReceiverTls;
}

/** Who uses the credentials. */
export interface CredentialUsers {
  readonly useCredentials: (credentials: TeleportCredentials) => void;
  readonly useTls: (tls: ReceiverTls) => void;
}

/** Most time between two looks at the files for Fluentd, whatever is set for Teleport. */
const MAX_FLUENTD_INTERVAL_MS = 10_000;

/** Keeps account of the credentials of a run, and watches their files and their ends. */
export class CredentialWatch {
  readonly #input: CredentialWatchInput;
  readonly #book: CredentialBook;

  constructor(input: CredentialWatchInput) {
    this.#input = input;
    this.#book = new CredentialBook(input.clock);
    this.#book.enter("Teleport", this.#describeTeleport(input.credentials));
    this.#book.enter("Fluentd", this.#describeReceiver(input.receiverTls));
  }

  /** What is in use. */
  get statuses(): CredentialStatuses {
    return this.#book;
  }

  /** Watches until disposed of, without waiting for a read that hangs. */
  start(users: CredentialUsers): Disposable {
    const { clock, config, logger } = this.#input;
    const book = this.#book;
    const ended = new AbortController();
    watchExpiry({ book, clock, logger }, ended.signal);
    this.#watchReceiver(users.useTls, ended.signal);
    if (config.teleportRefreshEnabled) this.#watchTeleport(users.useCredentials, ended.signal);
    return { [Symbol.dispose]: () => ended.abort() };
  }

  async #watchTeleport(
    onNew: CredentialUsers["useCredentials"],
    signal: AbortSignal,
  ): Promise<void> {
    const { config, credentials } = this.#input;
    const paths = credentialPathsOf(config);
    await watchCredentials({
      ...this.#input,
      book: this.#book,
      peer: "Teleport",
      paths: Object.values(paths),
      inUse: credentials,
      read: (files, nowMs) => readTeleportCredentials(paths, nowMs, files),
      describe: (credentials) => this.#describeTeleport(credentials),
      onNew,
      intervalMs: config.teleportRefreshIntervalMs,
    }, signal);
  }

  async #watchReceiver(onNew: CredentialUsers["useTls"], signal: AbortSignal): Promise<void> {
    const { config, receiverTls } = this.#input;
    const { fluentdCa, fluentdCert, fluentdKey, fluentdKeyPassphraseFile } = config;
    const paths = [fluentdCa, fluentdCert, fluentdKey, fluentdKeyPassphraseFile];
    await watchCredentials({
      ...this.#input,
      book: this.#book,
      peer: "Fluentd",
      paths: paths.filter((path) => path !== undefined),
      inUse: receiverTls,
      read: async (files, nowMs) =>
        await readReceiverTls(await receiverTlsPathsOf(config, files), nowMs, files),
      describe: (tls) => this.#describeReceiver(tls),
      onNew,
      intervalMs: Math.min(config.teleportRefreshIntervalMs, MAX_FLUENTD_INTERVAL_MS),
    }, signal);
  }

  #describeTeleport(credentials: TeleportCredentials): Credential[] {
    const { config } = this.#input;
    const all = describeTeleportCredentials(credentialPathsOf(config), credentials);
    if (config.teleportRefreshEnabled) return all;
    return all.map((credential) => ({
      ...credential,
      renewal: `${credential.renewal}; then restart, as teleport-refresh-enabled is false`,
    }));
  }

  #describeReceiver(tls: ReceiverTls): Credential[] {
    const { fluentdCa: authority, fluentdCert: certificate, fluentdKey: key } = this.#input.config;
    const client = certificate === undefined || key === undefined
      ? undefined
      : { certificate, key };
    return describeReceiverCredentials({ authority, client }, tls);
  }
}
