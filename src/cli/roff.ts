/** Escapes a text for roff: nothing in it is a request, and its dashes can be copied and searched. */
export function escapeRoff(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll(/^(?=[.'])/gm, "\\&")
    .replaceAll("…", "...");
}

/** The text in bold. */
export function boldAll(text: string): string {
  return `\\fB${escapeRoff(text)}\\fR`;
}

/** A section: its heading and its text, which needs no paragraph of its own to begin with. */
export function section(title: string, text: string): string {
  return `.SH ${title}\n${text.replace(/^\.PP\n/, "")}`;
}

/** The heading of a part of a section. */
export function subsection(title: string): string {
  return `.SS ${escapeRoff(title)}\n`;
}

/** A paragraph of plain text. */
export function paragraph(text: string): string {
  return `.PP\n${escapeRoff(text)}\n`;
}

/** An entry of a list: a head that is roff already, and its plain text. */
export function tagged(head: string, text: string): string {
  return `.TP\n${head}\n${escapeRoff(text)}\n`;
}
