import { type Finding, ok, warning } from "../core/finding.ts";

/** A file that settings name. */
export interface NamedFile {
  readonly setting: string;
  readonly path: string;
  /** Whether it holds a key, a passphrase or the like. */
  readonly isSecret: boolean;
}

const READ_BY_OTHERS = 0o004;
const WRITTEN_BY_OTHERS = 0o022;

/** Looks at who may read secrets and write what is trusted. Where there are no modes, all is well. */
export async function inspectFileModes(files: readonly NamedFile[]): Promise<Finding> {
  const problems: { readonly text: string; readonly command: string }[] = [];
  const details: string[] = [];
  const modes = await Promise.all(
    files.map(({ path }) => Deno.stat(path).then((info) => info.mode, () => null)),
  );
  for (const [i, { isSecret, path, setting }] of files.entries()) {
    const mode = modes[i] ?? null;
    if (mode === null) continue;
    const shown = (mode & 0o777).toString(8).padStart(4, "0");
    details.push(`${setting} = ${path} (mode ${shown}${isSecret ? ", secret" : ""})`);
    if (isSecret && (mode & READ_BY_OTHERS) !== 0) {
      problems.push({
        text: `everybody on this machine may read the secret '${path}' (mode ${shown})`,
        command: `chmod 600 ${quote(path)}`,
      });
    } else if ((mode & WRITTEN_BY_OTHERS) !== 0) {
      problems.push({
        text: `others may write '${path}' (mode ${shown})`,
        command: `chmod go-w ${quote(path)}`,
      });
    }
  }
  if (problems.length === 0) {
    return ok(`${files.length} files; no secret is open to everybody`, { details });
  }
  const text = problems.map((problem) => problem.text).join(", and ");
  return warning(text[0]!.toUpperCase() + text.slice(1), {
    advice: problems.map((problem) => problem.command).join(" && "),
    details,
  });
}

function quote(path: string): string {
  return /^[\w./@%+=:,-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
