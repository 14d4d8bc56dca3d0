import { resolve } from "node:path";
import { ReleaseError, runCommand } from "./command.ts";

/** An npm package that is part of the executable. */
export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** Where the runtime keeps it on this machine. */
  readonly folder: string;
}

/** What a bundle is made of. */
export interface Bundle {
  /** The file to start. */
  readonly main: string;
  /** In the order of their names. */
  readonly packages: readonly BundledPackage[];
}

const MAIN = "main.js";
/** A file of a package, as it is named in a comment or a key: by its place in the cache of this machine. */
const CACHED_FILE =
  /^(\/\/ | +")([^"\n]*\/npm\/[^/"\n]+)\/((?:@[^/"\n]+\/)?[^/"\n]+)\/(\d[^/"\n]*)\//gm;

/**
 * Puts the program and what it uses of its packages into a few files, so that an executable holds
 * nothing else, and starts three times as fast. What is loaded late stays in files of its own.
 *
 * The same source gives the same bytes on any machine: names that come from the place of a cache are
 * replaced.
 */
export async function bundleProgram(
  { folder, root }: { readonly root: string; readonly folder: string },
): Promise<Bundle> {
  const raw = `${folder}.raw`;
  await runCommand(Deno.execPath(), [
    "bundle",
    "--quiet",
    "--frozen",
    "--code-splitting",
    // Where a package has a form for bundlers, the one for Node may break in a bundle (tslib does).
    "--conditions=module",
    `--outdir=${raw}`,
    "main.ts",
  ], { cwd: root });
  const files = new Map<string, string>();
  for await (const { name } of Deno.readDir(raw)) {
    files.set(name, await Deno.readTextFile(`${raw}/${name}`));
  }
  await Deno.remove(raw, { recursive: true });
  const packages = new Map<string, BundledPackage>();
  await Deno.mkdir(folder);
  const names = nameParts(files);
  for (const [rawName, name] of names) {
    const text = replacePartNames(files.get(rawName)!, names)
      .replaceAll(CACHED_FILE, (_, ...parts: string[]) => {
        const [start = "", cache = "", name = "", version = ""] = parts;
        const folder = resolve(root, cache, name, version);
        packages.set(`${name}@${version}`, { name, version, folder });
        return `${start}npm/${name}/${version}/`;
      });
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
  if (packages.size === 0) {
    throw new ReleaseError("The bundle names no package: its form has changed");
  }
  const sorted = [...packages].sort(([a], [b]) => a < b ? -1 : 1).map(([, entry]) => entry);
  return { main: `${folder}/${MAIN}`, packages: sorted };
}

/** Gives every part a name that says nothing of the machine: parts are numbered as they are mentioned. */
function nameParts(files: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const names = new Map([[MAIN, MAIN]]);
  for (const [rawName] of names) {
    for (const [, part] of files.get(rawName)!.matchAll(/"\.\/([\w.-]+\.js)"/g)) {
      if (!files.has(part!) || names.has(part!)) continue;
      names.set(part!, part!.replace(/-[A-Z0-9]{8}\.js$/, `-${names.size}.js`));
    }
  }
  return names;
}

function replacePartNames(text: string, names: ReadonlyMap<string, string>): string {
  return text.replaceAll(
    /"\.\/([\w.-]+\.js)"/g,
    (quoted, part: string) => names.has(part) ? `"./${names.get(part)}"` : quoted,
  );
}
