import { type Authpeer, startAuthpeer } from "./authpeer.ts";
import { type FluentdFiles, writeFluentdFiles } from "./certificates.ts";
import { type FakeReceiver, startFakeReceiver } from "./fake_receiver.ts";
import { storageFolder, writeSettings } from "./settings_file.ts";
import { temporaryFolder } from "./temporary_folder.ts";

/** authpeer, a fake receiver, and settings that point at them. */
export interface AuthpeerRig extends AsyncDisposable {
  readonly authpeer: Authpeer;
  readonly receiver: FakeReceiver;
  /** What the receiver and its client have. */
  readonly files: FluentdFiles;
  /** Path of the settings file. */
  readonly config: string;
  /** Where the handler keeps its state. */
  readonly storage: string;
  /** Events of the recordings that authpeer has, by session, in order. */
  readSessions(): Promise<Map<string, { sid: string; events: number; missing: boolean }>>;
  /** Streams that are open on the server. */
  countOpenStreams(): Promise<number>;
}

/** Starts both: `await using rig = await startAuthpeerRig({ flags, extra })`. */
export async function startAuthpeerRig(options: {
  readonly flags: Record<string, string | number | boolean>;
  readonly extra?: Record<string, string>;
}): Promise<AuthpeerRig> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryFolder());
  await Deno.mkdir(folder.join("auth"));
  const authpeer = stack.use(
    await startAuthpeer({ dir: folder.join("auth"), flags: options.flags }),
  );
  const receiver = stack.use(await startFakeReceiver({ keepBodies: false }));
  const files = await writeFluentdFiles(folder.path);
  const config = await writeSettings({
    folder: folder.path,
    address: authpeer.address,
    identity: authpeer.file("identity"),
    url: (path) => receiver.url(path),
    files,
    extra: { "start-time": '"2026-01-01T00:00:00Z"', ...options.extra },
  });
  const held = stack.move();
  return {
    authpeer,
    receiver,
    files,
    config,
    storage: storageFolder({ folder: folder.path, address: authpeer.address }),
    async readSessions() {
      const sessions = await authpeer.control<
        { sid: string; events: number; missing: boolean }[]
      >("/sessions");
      return new Map(sessions.map((session) => [session.sid, session]));
    },
    async countOpenStreams() {
      const { open_streams } = await authpeer.control<{ open_streams: number }>("/connections");
      return open_streams;
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}
