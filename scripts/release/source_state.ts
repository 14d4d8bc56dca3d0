import { ReleaseError, runCommand } from "./command.ts";

/** What git knows of the source that an executable is made from. */
export interface SourceState {
  /** Such as `v1.2.3-0-g0123456789ab`; `-dirty` when files are changed. Undefined without git. */
  readonly gitRef: string | undefined;
  /** Time of everything that is made, so that it is the same whenever it is made. */
  readonly time: Date;
}

/**
 * Asks git for the commit and its time. `SOURCE_DATE_EPOCH` replaces the time
 * (https://reproducible-builds.org/docs/source-date-epoch/).
 */
export async function readSourceState(root: string): Promise<SourceState> {
  const git = (args: readonly string[]) => runCommand("git", args, { cwd: root });
  const gitRef = await git([
    "describe",
    "--tags",
    "--always",
    "--long",
    "--dirty",
    "--abbrev=12",
    "--match=v[0-9]*",
  ]).then((text) => text.trim(), () => undefined);
  const given = Deno.env.get("SOURCE_DATE_EPOCH");
  const seconds = given !== undefined && given !== ""
    ? given
    : await git(["log", "-1", "--format=%ct"]).then((text) => text.trim(), () => "0");
  if (!/^\d{1,10}$/.test(seconds)) {
    throw new ReleaseError(`SOURCE_DATE_EPOCH must be a number of seconds, not '${seconds}'`);
  }
  return { gitRef, time: new Date(Number(seconds) * 1000) };
}
