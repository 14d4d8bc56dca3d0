import { ProgressLine } from "../log/progress_line.ts";

/** Standard output or standard error. */
type Stream = typeof Deno.stdout | typeof Deno.stderr;
type Environment = { readonly [name: string]: string };

const DEFAULT_COLUMNS = 80;
const encoder = new TextEncoder();
/** Stands below all that is written, where it is shown. */
let progress: ProgressLine | undefined;

/** Writes to standard output. A reader that has gone away is no reason to fail. */
export function writeOut(text: string): void {
  unlessGone(() => writeLine(Deno.stdout, text));
}

/** Writes to standard error. A reader that has gone away is no reason to fail. */
export function writeErr(text: string): void {
  unlessGone(() => writeLine(Deno.stderr, text));
}

/** Writes to one of both, above the progress line. @throws what the system says. */
export function writeLine(stream: Stream, text: string): void {
  const write = () => writeAll(stream, text);
  // Both may be the same terminal.
  if (progress === undefined || !stream.isTerminal()) write();
  else progress.above(write);
}

/** Whether a stream shows colours: a terminal, and nobody asked for none (no-color.org). */
export function showsColor(env: Environment, stream: Stream = Deno.stderr): boolean {
  return stream.isTerminal() && (env["NO_COLOR"] ?? "") === "";
}

/**
 * Whether a line of standard error can be changed in place. `TERM=dumb` says that it cannot; without
 * colours (NO_COLOR) it is done without any control sequence.
 */
export function canShowProgress(env: Environment): boolean {
  return Deno.stderr.isTerminal() && env["TERM"] !== "dumb";
}

/** The progress line on standard error. Disposing of it takes it away. */
export function openProgressLine(env: Environment): ProgressLine & Disposable {
  const line = new ProgressLine({
    write: (text) => unlessGone(() => writeAll(Deno.stderr, text)),
    columns: countColumns,
    hasSequences: showsColor(env),
  });
  progress = line;
  return Object.assign(line, {
    [Symbol.dispose]() {
      line.clear();
      progress = undefined;
    },
  });
}

function countColumns(): number {
  try {
    // Some terminals do not know their size and say 0.
    return Deno.consoleSize().columns || DEFAULT_COLUMNS;
  } catch {
    return DEFAULT_COLUMNS;
  }
}

function unlessGone(write: () => void): void {
  try {
    write();
  } catch (error) {
    // A pipe, and a terminal that was closed.
    const isGone = error instanceof Deno.errors.BrokenPipe ||
      (error instanceof Error && "code" in error && error.code === "EIO");
    if (!isGone) throw error;
  }
}

function writeAll(stream: Stream, text: string): void {
  const bytes = encoder.encode(text);
  for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
}
