/**
 * What a peer said must not move the cursor, forge a line or turn the reading direction: controls of
 * both ranges, format characters (those for right-to-left among them), line separators and halves of
 * characters become the escapes that JSON has for them. Inside a JSON text it changes no value.
 */
export function escapeControls(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (character) => {
    const escaped = JSON.stringify(character).slice(1, -1);
    return escaped === character ? escapeUnits(character) : escaped;
  });
}

function escapeUnits(character: string): string {
  return character.split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");
}
