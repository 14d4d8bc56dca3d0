import { escapeControls } from "../core/escape_controls.ts";

/** A piece of HTML, in which everything that came from elsewhere is escaped. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What may stand in a piece of HTML: pieces as they are, text escaped, undefined as nothing. */
export type MarkupValue = Markup | readonly Markup[] | string | number | undefined;

const ENTITIES: { readonly [character: string]: string } = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Writes HTML; every value is escaped, for text and for attributes in quotes alike. */
export function markup(parts: TemplateStringsArray, ...values: readonly MarkupValue[]): Markup {
  return new Markup(parts.reduce((text, part, index) => text + toText(values[index - 1]) + part));
}

function toText(value: MarkupValue): string {
  if (value === undefined) return "";
  if (value instanceof Markup) return value.text;
  if (typeof value === "object") return value.map(({ text }) => text).join("");
  return escapeControls(String(value)).replaceAll(/[&<>"']/g, (character) => ENTITIES[character]!);
}
