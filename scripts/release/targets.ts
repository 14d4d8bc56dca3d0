/** A machine that there is an executable for. */
export interface Target {
  /** As Deno names it. */
  readonly triple: string;
  /** As archives of the official event handler name it. */
  readonly platform: string;
  /** End of the executable's name. */
  readonly suffix: "" | ".exe";
}

/** Every target of a release; nobody else lists them. */
export const TARGETS: readonly Target[] = [
  { triple: "x86_64-unknown-linux-gnu", platform: "linux-amd64", suffix: "" },
  { triple: "aarch64-unknown-linux-gnu", platform: "linux-arm64", suffix: "" },
  { triple: "x86_64-apple-darwin", platform: "darwin-amd64", suffix: "" },
  { triple: "aarch64-apple-darwin", platform: "darwin-arm64", suffix: "" },
  { triple: "x86_64-pc-windows-msvc", platform: "windows-amd64", suffix: ".exe" },
];

/** Name of the program, and of everything that holds it. */
export const PROGRAM_NAME = "teleport-event-handler";

/** File name of a target's executable. */
export function executableName({ suffix, triple }: Target): string {
  return `${PROGRAM_NAME}-${triple}${suffix}`;
}

/** File name of a target's archive, in the form of the official event handler. */
export function archiveName(version: string, { platform }: Target): string {
  return `${PROGRAM_NAME}-v${version}-${platform}-bin.tar.gz`;
}
