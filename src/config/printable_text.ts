/**
 * Writes control characters as `\uXXXX`, so that no name or value from outside can steer the terminal
 * or break a line.
 */
export function escapeControls(text: string): string {
  return text.replace(
    /[\p{Cc}\u2028\u2029]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
