// deno-lint-ignore-file no-console -- this is the terminal's
/** Packs the executables; scripts/package starts it. */
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import manifest from "../../deno.json" with { type: "json" };
import { LICENSES_NAME } from "./bill_of_materials.ts";
import { writeChecksumFile } from "./checksum_file.ts";
import { ReleaseError } from "./command.ts";
import { readSourceState } from "./source_state.ts";
import { formatTar } from "./tar.ts";
import { archiveName, executableName, PROGRAM_NAME, type Target, TARGETS } from "./targets.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

async function packageAll(folder: string): Promise<void> {
  const { time } = await readSourceState(ROOT);
  const published: string[] = [];
  for (const target of TARGETS) {
    const executable = await readIfThere(`${folder}/${executableName(target)}`);
    if (executable === undefined) continue;
    const archive = archiveName(manifest.version, target);
    const tar = formatTar(await layOut(target, { executable, folder }), time);
    await Deno.writeFile(`${folder}/${archive}`, await promisify(gzip)(tar));
    published.push(executableName(target), archive);
    console.log(`${folder}/${archive}`);
  }
  if (published.length === 0) {
    throw new ReleaseError(`There is no executable in ${folder}: run scripts/compile first`);
  }
  await Deno.copyFile(`${ROOT}scripts/install.sh`, `${folder}/install.sh`);
  await writeChecksumFile(folder, [...published, "install.sh"]);
}

/** What is in an archive: what the official one has, and the licences. */
async function layOut(
  { suffix }: Target,
  { executable, folder }: { readonly executable: Uint8Array; readonly folder: string },
) {
  const read = async (path: string, name: string, executable = false) => ({
    path: `${PROGRAM_NAME}/${name}`,
    bytes: await Deno.readFile(path),
    executable,
  });
  return [
    { path: `${PROGRAM_NAME}/${PROGRAM_NAME}${suffix}`, bytes: executable, executable: true },
    await read(`${ROOT}README.md`, "README.md"),
    {
      path: `${PROGRAM_NAME}/VERSION`,
      bytes: new TextEncoder().encode(`v${manifest.version}\n`),
      executable: false,
    },
    await read(`${ROOT}LICENSE`, "LICENSE"),
    await read(`${folder}/${LICENSES_NAME}`, LICENSES_NAME),
    await read(`${ROOT}scripts/release/install`, "install", true),
  ];
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

try {
  await packageAll(Deno.args[0] ?? "dist");
} catch (error) {
  if (!(error instanceof ReleaseError || error instanceof Deno.errors.NotFound)) throw error;
  console.error(`package: ${error.message}`);
  Deno.exitCode = 1;
}
