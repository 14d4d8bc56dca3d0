const encoder = new TextEncoder();

/** Writes to standard output. A reader that has gone away is no reason to fail. */
export function writeOut(text: string): void {
  writeAll(Deno.stdout, text);
}

/** Writes to standard error. A reader that has gone away is no reason to fail. */
export function writeErr(text: string): void {
  writeAll(Deno.stderr, text);
}

/** Whether standard error shows colours: a terminal, and nobody asked for none (no-color.org). */
export function showsColor(env: { readonly [name: string]: string }): boolean {
  return Deno.stderr.isTerminal() && (env["NO_COLOR"] ?? "") === "";
}

function writeAll(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = encoder.encode(text);
  try {
    for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
