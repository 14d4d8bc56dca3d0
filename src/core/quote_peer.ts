/** As much of a peer's words as goes into a reason. */
const MAX_QUOTE = 300;

/** A peer's words on one line, without control characters, and not too many of them. */
export function quotePeer(text: string): string {
  // A peer may say megabytes; of those beyond any quote not even blanks are looked for.
  const start = text.slice(0, 8 * MAX_QUOTE);
  return start.replaceAll(/[\s\p{Cc}]+/gu, " ").trim().slice(0, MAX_QUOTE).trimEnd().toWellFormed();
}
