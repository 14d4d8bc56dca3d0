import {
  type FluentdFiles,
  type TeleportFiles,
  writeFluentdFiles,
  writeTeleportFiles,
} from "./certificates.ts";
import type { FakeEvent } from "./events.ts";
import {
  type FakeAuthServer,
  type FakeAuthServerOptions,
  startFakeAuthServer,
} from "./fake_auth_server.ts";
import { type FakeReceiver, type FakeReceiverOptions, startFakeReceiver } from "./fake_receiver.ts";
import { storageFolder, writeSettings } from "./settings_file.ts";
import { temporaryFolder } from "./temporary_folder.ts";

/** Both fake peers, and settings that point at them. */
export interface FakePeers extends AsyncDisposable {
  readonly auth: FakeAuthServer;
  readonly receiver: FakeReceiver;
  /** Path of the settings file. */
  readonly config: string;
  readonly folder: string;
  /** Where the handler keeps its state. */
  readonly storage: string;
  readonly files: FluentdFiles & { readonly teleport: TeleportFiles };
}

/** What the peers and the settings are to be like. */
export interface FakePeersOptions {
  readonly events?: readonly FakeEvent[];
  readonly auth?: Omit<FakeAuthServerOptions, "events">;
  readonly receiver?: FakeReceiverOptions;
  /** Further top-level settings, as TOML values. */
  readonly extra?: Readonly<Record<string, string>>;
}

/** Starts both fakes and writes settings: `await using peers = await startFakePeers(…)`. */
export async function startFakePeers(options: FakePeersOptions = {}): Promise<FakePeers> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryFolder());
  const auth = stack.use(
    await startFakeAuthServer({ ...options.auth, events: options.events ?? [] }),
  );
  const receiver = stack.use(await startFakeReceiver(options.receiver ?? {}));
  const teleport = await writeTeleportFiles(folder.path);
  const fluentd = await writeFluentdFiles(folder.path);
  const config = await writeSettings({
    folder: folder.path,
    address: auth.address,
    identity: teleport.identity,
    url: (path) => receiver.url(path),
    files: fluentd,
    extra: options.extra ?? {},
  });
  const held = stack.move();
  return {
    auth,
    receiver,
    config,
    folder: folder.path,
    storage: storageFolder({ folder: folder.path, address: auth.address }),
    files: { ...fluentd, teleport },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}
