// deno-lint-ignore-file no-console
/** Makes the executables; scripts/compile starts it. */
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import manifest from "../../deno.json" with { type: "json" };
import {
  BILL_NAME,
  formatBillOfMaterials,
  formatLicenses,
  LICENSES_NAME,
} from "./bill_of_materials.ts";
import { bundleProgram } from "./bundle.ts";
import { writeChecksumFile } from "./checksum_file.ts";
import { ReleaseError, runCommand } from "./command.ts";
import { HEAD_BYTES, parseTriple } from "./executable_format.ts";
import { readSourceState, type SourceState } from "./source_state.ts";
import { executableName, type Target, TARGETS } from "./targets.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const USAGE = `Usage: scripts/compile [--target TRIPLE]... [--out-dir FOLDER]

Makes executables that hold the program and its runtime, and need nothing else.

  --target TRIPLE    one of those below, or 'all'; this machine's unless given
  --out-dir FOLDER   where they go, with their checksums; dist unless given

  DENORT_BIN         the base executable of Deno ${Deno.version.deno} for the one target; fetched from
                     dl.deno.land unless given
  SOURCE_DATE_EPOCH  the time to put into them; that of the commit unless given

Targets: ${TARGETS.map(({ triple }) => triple).join("\n         ")}
`;

/** What a program can do without; on Windows nothing starts without this one. */
const NO_ENVIRONMENT: Readonly<Record<string, string>> = Deno.build.os === "windows"
  ? { SystemRoot: Deno.env.get("SystemRoot") ?? "" }
  : {};

/** What every target's executable is made with. */
interface Recipe {
  /** The bundle to start, in a folder with all that belongs to it. */
  readonly main: string;
  /** Options of the runtime: permissions, and what V8 is set to. */
  readonly options: readonly string[];
  readonly source: SourceState;
  readonly work: string;
  readonly outDir: string;
}

async function main(): Promise<number> {
  const [options = "", ...args] = Deno.args;
  let values;
  try {
    ({ values } = parseArgs({
      args,
      options: {
        "help": { type: "boolean", short: "h" },
        "out-dir": { type: "string", default: "dist" },
        "target": { type: "string", multiple: true, default: [Deno.build.target] },
      },
    }));
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
  if (values.help === true) {
    console.log(USAGE);
    return 0;
  }
  const targets: Target[] = [];
  for (const triple of values.target) {
    const found = TARGETS.filter((target) => triple === "all" || target.triple === triple);
    if (found.length === 0) return refuse(`There is no target '${triple}'`);
    targets.push(...found);
  }
  if (Deno.env.get("DENORT_BIN") && targets.length > 1) {
    return refuse("DENORT_BIN is the base of one target, and several are asked for");
  }
  await compileAll(targets, {
    outDir: resolve(values["out-dir"]),
    options: options.trim().split(/\s+/),
  });
  return 0;
}

async function compileAll(
  targets: readonly Target[],
  { options, outDir }: { readonly outDir: string; readonly options: readonly string[] },
): Promise<void> {
  const base = Deno.env.get("DENORT_BIN");
  for (const target of base ? targets : []) {
    await requireTriple(base!, { target, name: `The base DENORT_BIN=${base}` });
  }
  await Deno.mkdir(outDir, { recursive: true });
  // Beside what it becomes, so that a whole executable can be moved into place.
  const work = await Deno.makeTempDir({ dir: outDir, prefix: ".compile-" });
  try {
    const source = await readSourceState(ROOT);
    const bundle = await bundleProgram({ root: ROOT, folder: `${work}/bundle` });
    const record = { gitRef: source.gitRef, builtAt: source.time.toISOString() };
    await Deno.writeTextFile(`${work}/bundle/build_record.json`, JSON.stringify(record));
    await setTimes(`${work}/bundle`, source.time);
    for (const target of targets) {
      const recipe = { main: bundle.main, options, source, work, outDir };
      await compileOne(target, recipe);
    }
    const materials = { version: manifest.version, time: source.time, packages: bundle.packages };
    await Deno.writeTextFile(`${outDir}/${BILL_NAME}`, await formatBillOfMaterials(materials));
    await Deno.writeTextFile(`${outDir}/${LICENSES_NAME}`, await formatLicenses(materials));
    await writeChecksumFile(outDir, targets.map(executableName));
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

async function compileOne(target: Target, recipe: Recipe): Promise<void> {
  const name = executableName(target);
  // Its last name from the beginning: it is part of the bytes.
  const path = `${recipe.work}/${name}`;
  await runCommand(Deno.execPath(), [
    "compile",
    "--quiet",
    "--no-check",
    // Otherwise it would write a cache to a place in the temporary folder that others can guess.
    "--no-code-cache",
    "--no-config",
    "--no-lock",
    "--no-npm",
    "--no-remote",
    ...manifest.unstable.map((feature) => `--unstable-${feature}`),
    ...recipe.options,
    `--include=${recipe.work}/bundle/build_record.json`,
    `--target=${target.triple}`,
    `--output=${path}`,
    recipe.main,
  ], { env: compileEnvironment() }).catch((error) => {
    if (Deno.env.get("DENORT_BIN")) throw error;
    throw new ReleaseError(
      `${error.message}\nThe base executable of a target comes from dl.deno.land; ` +
        `where that cannot be reached, name one with DENORT_BIN`,
    );
  });
  await check(path, { target, gitRef: recipe.source.gitRef });
  await Deno.rename(path, `${recipe.outDir}/${name}`);
  const { size } = await Deno.stat(`${recipe.outDir}/${name}`);
  console.log(`${recipe.outDir}/${name}  ${(size / 1e6).toFixed(1)} MB`);
}

/** Of our environment, what the compiler needs; other variables of Deno would end up in what it makes. */
function compileEnvironment(): Record<string, string> {
  const env: Record<string, string> = { ...Deno.env.toObject(), NO_COLOR: "1" };
  for (const name of Object.keys(env)) {
    if (/^(OTEL_|DENO_(?!DIR$|TLS_CA_STORE$|CERT$|NO_UPDATE_CHECK$))/.test(name)) delete env[name];
  }
  return env;
}

async function requireTriple(
  path: string,
  { name, target }: { readonly target: Target; readonly name: string },
): Promise<void> {
  const head = new Uint8Array(HEAD_BYTES);
  using file = await Deno.open(path).catch((error) => {
    throw new ReleaseError(`${name} cannot be read: ${error.message}`);
  });
  await file.read(head);
  const triple = parseTriple(head);
  if (triple !== target.triple) {
    throw new ReleaseError(`${name} is for ${triple ?? "no known machine"}, not ${target.triple}`);
  }
}

/** Looks whether it is for the target, and, where that is this machine, whether it runs. */
async function check(
  path: string,
  { gitRef, target }: { readonly target: Target; readonly gitRef: string | undefined },
): Promise<void> {
  await requireTriple(path, { target, name: "The executable" });
  if (target.triple !== Deno.build.target) return;
  const said = JSON.parse(
    await runCommand(path, ["version", "--json"], { env: NO_ENVIRONMENT }).catch((error) => {
      throw new ReleaseError(
        `The executable does not run. Its base must be that of Deno ${Deno.version.deno}: ` +
          error.message,
      );
    }),
  );
  const expected = { version: manifest.version, gitRef: gitRef ?? null, deno: Deno.version.deno };
  for (const [key, value] of Object.entries(expected)) {
    if (said[key] !== value) {
      throw new ReleaseError(
        `The executable says that its ${key} is '${said[key]}', not '${value}'`,
      );
    }
  }
}

/** Times of files are part of an executable. */
async function setTimes(folder: string, time: Date): Promise<void> {
  for await (const { name } of Deno.readDir(folder)) {
    await Deno.utime(`${folder}/${name}`, time, time);
  }
}

function refuse(reason: string): number {
  console.error(`compile: ${reason}\n\n${USAGE}`);
  return 2;
}

try {
  Deno.exitCode = await main();
} catch (error) {
  if (!(error instanceof ReleaseError)) throw error;
  console.error(`compile: ${error.message}`);
  Deno.exitCode = 1;
}
