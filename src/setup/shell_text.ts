/** Writes a text as one word of a POSIX shell, without quotes where none are needed. */
export function quoteShellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Writes a path for `docker -v`, which takes absolute paths alone; on Windows they have a drive. */
export function dockerPath(path: string): string {
  return /^([a-z]:)?[\\/]/i.test(path) ? quoteShellWord(path) : `"$PWD"/${quoteShellWord(path)}`;
}
