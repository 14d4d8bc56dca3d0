import manifest from "../../deno.json" with { type: "json" };
import { type BuildInfo, readBuildInfo } from "./build_info.ts";

/** Version of the program. */
export const VERSION: string = manifest.version;

/** What `version` prints, in the form of the Go handler, with our runtime in place of its own. */
export function formatVersion(build: BuildInfo = readBuildInfo()): string {
  const git = build.gitRef === undefined ? "" : ` git:${build.gitRef}`;
  return `Teleport event handler v${VERSION}${git} deno${Deno.version.deno}`;
}

/** The same for a program, with what else tells one executable from another. */
export function formatVersionJson(build: BuildInfo = readBuildInfo()): string {
  const { deno, typescript, v8 } = Deno.version;
  const value = {
    version: VERSION,
    gitRef: build.gitRef ?? null,
    builtAt: build.builtAt ?? null,
    deno,
    v8,
    typescript,
    target: Deno.build.target,
  };
  return JSON.stringify(value, undefined, 2);
}
