// deno-lint-ignore-file no-console -- this is the terminal's
/**
 * Fails when the tests cover too little of src/: `coverage.ts FILE.lcov`, to be run in the project's
 * root. Deno 2.7 has no such bar of its own. Generated code does not count; a file with code that no
 * test loads counts as not covered at all (Deno leaves it out of its report).
 */
import { relative } from "node:path";

const MIN_LINES_PERCENT = 90;
const MIN_BRANCHES_PERCENT = 80;
const WORST_FILES = 10;

/** How many there are of something, and how many of them were run. */
export interface Share {
  readonly total: number;
  readonly covered: number;
}

/** What the tests ran of one file, or of all. */
export interface Coverage {
  readonly lines: Share;
  readonly branches: Share;
}

/** Reads an lcov report: what is covered of each file, by the name that the report gives it. */
export function parseLcov(text: string): Map<string, Coverage> {
  const files = new Map<string, Coverage>();
  let lines: boolean[] = [];
  let branches: boolean[] = [];
  let file = "";
  for (const line of text.split("\n")) {
    const [, key, value = ""] = /^(\w+):?(.*)$/.exec(line) ?? [];
    if (key === "SF") {
      file = value;
      lines = [];
      branches = [];
    } else if (key === "DA") {
      lines.push(Number(value.split(",")[1]) > 0);
    } else if (key === "BRDA") {
      // Never reached is `-`, which is no number and so not over 0.
      branches.push(Number(value.split(",")[3]) > 0);
    } else if (key === "end_of_record") {
      files.set(file, { lines: countShare(lines), branches: countShare(branches) });
    }
  }
  return files;
}

/** Counts a file that no test loads: each of its lines as not covered, none if it only has types. */
export function countUnloaded(source: string): Coverage {
  const hasCode = /^(export )?(default )?(async )?(abstract )?(function|class|const|let)\b/m;
  const total = hasCode.test(source)
    ? source.split("\n").filter((line) => line.trim() !== "").length
    : 0;
  return { lines: { total, covered: 0 }, branches: { total: 0, covered: 0 } };
}

/** What `formatVerdict` says about the coverage of src/. */
export interface Verdict {
  readonly passed: boolean;
  readonly text: string;
}

/** Judges the sum of all files, and names the worst ones when it is under the bar. */
export function formatVerdict(files: ReadonlyMap<string, Coverage>): Verdict {
  const all = [...files.values()];
  const lines = percentOf(all.map((file) => file.lines));
  const branches = percentOf(all.map((file) => file.branches));
  const passed = lines >= MIN_LINES_PERCENT && branches >= MIN_BRANCHES_PERCENT;
  const summary = `Coverage of src: ${lines.toFixed(1)} % of lines (at least ` +
    `${MIN_LINES_PERCENT}), ${
      branches.toFixed(1)
    } % of branches (at least ${MIN_BRANCHES_PERCENT})`;
  return { passed, text: passed ? summary : [...formatWorst(files), summary].join("\n") };
}

function formatWorst(files: ReadonlyMap<string, Coverage>): string[] {
  return [...files]
    .map(([name, { lines, branches }]) => ({
      name,
      lines: missed(lines),
      branches: missed(branches),
    }))
    .filter((file) => file.lines + file.branches > 0)
    .sort((a, b) => b.lines + b.branches - a.lines - a.branches)
    .slice(0, WORST_FILES)
    .map(({ name, lines, branches }) =>
      `  ${name}: ${lines} lines and ${branches} branches not run`
    );
}

function countShare(hits: readonly boolean[]): Share {
  return { total: hits.length, covered: hits.filter((hit) => hit).length };
}

function missed({ total, covered }: Share): number {
  return total - covered;
}

function percentOf(shares: readonly Share[]): number {
  const total = shares.reduce((sum, share) => sum + share.total, 0);
  const covered = shares.reduce((sum, share) => sum + share.covered, 0);
  return total === 0 ? 100 : 100 * covered / total;
}

function* walk(folder: string): Iterable<string> {
  for (const entry of Deno.readDirSync(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory && path !== "src/teleport/gen") yield* walk(path);
    if (entry.isFile && path.endsWith(".ts")) yield path;
  }
}

/** Finds the coverage of each file below src/, by its path. */
function readCoverage(lcovFile: string): Map<string, Coverage> {
  const loaded = new Map(
    [...parseLcov(Deno.readTextFileSync(lcovFile))]
      .map(([file, coverage]) => [relative(Deno.cwd(), file).replaceAll("\\", "/"), coverage]),
  );
  return new Map(
    [...walk("src")].map((path) => [
      path,
      loaded.get(path) ?? countUnloaded(Deno.readTextFileSync(path)),
    ]),
  );
}

if (import.meta.main) {
  const [lcovFile] = Deno.args;
  if (lcovFile === undefined) {
    console.error("usage: scripts/denow run --allow-read scripts/coverage.ts FILE.lcov");
    Deno.exit(2);
  }
  const { passed, text } = formatVerdict(readCoverage(lcovFile));
  console.log(text);
  if (!passed) Deno.exit(1);
}
