import type { FluentdFiles } from "./certificates.ts";

/** What the settings of a test's handler point at. */
export interface TestSettings {
  /** Folder for the settings file and the storage. */
  readonly folder: string;
  /** Host and port of the auth server. */
  readonly address: string;
  readonly identity: string;
  /** URL of a path on the receiver. */
  readonly url: (path: string) => string;
  readonly files: FluentdFiles;
  /** Further top-level keys, as TOML values. */
  readonly extra?: Readonly<Record<string, string>>;
}

/** Writes a settings file as `configure` would, with short pauses, and returns its path. */
export async function writeSettings(settings: TestSettings): Promise<string> {
  const { address, extra, files, folder, identity, url } = settings;
  const path = `${folder}/teleport-event-handler.toml`;
  const more = Object.entries({ timeout: '"200ms"', ...extra })
    .map(([key, value]) => `${key} = ${value}\n`).join("");
  await Deno.writeTextFile(
    path,
    `storage = "${folder}/storage"
${more}
[forward.fluentd]
ca = "${files.authority}"
cert = "${files.clientCertificate}"
key = "${files.clientKey}"
url = "${url("/test.log")}"
session-url = "${url("/session")}"

[teleport]
addr = "${address}"
identity = "${identity}"
`,
  );
  return path;
}

/** Folder in which the handler of these settings keeps its state. */
export function storageFolder(settings: Pick<TestSettings, "folder" | "address">): string {
  return `${settings.folder}/storage/${settings.address.replace(":", "_")}`;
}
