/** How the line is drawn. */
export interface ProgressLineOptions {
  /** Writes to the terminal. */
  readonly write: (text: string) => void;
  /** Width of the terminal at the moment. */
  readonly columns: () => number;
  /** Whether the terminal may be sent control sequences; blanks wipe the line otherwise. */
  readonly hasSequences: boolean;
}

/** The last line of a terminal, which changes in place while other lines are written above it. */
export class ProgressLine {
  readonly #options: ProgressLineOptions;
  #shown = "";

  constructor(options: ProgressLineOptions) {
    this.#options = options;
  }

  /** Shows the first of the texts, which get shorter, that fits; of the last one what fits. */
  show(texts: readonly string[]): void {
    // A terminal that holds a character in its last column may go on to the next line.
    const width = Math.max(this.#options.columns() - 1, 0);
    const text = texts.find((text) => text.length <= width) ?? texts.at(-1)!.slice(0, width);
    if (text === this.#shown) return;
    this.#options.write(this.#wiping() + text);
    this.#shown = text;
  }

  /** Leaves the place to other text. */
  clear(): void {
    if (this.#shown !== "") this.#options.write(this.#wiping());
    this.#shown = "";
  }

  /** Lets something else write whole lines to the terminal; they stand above this one. */
  above(write: () => void): void {
    const shown = this.#shown;
    this.clear();
    try {
      write();
    } finally {
      if (shown !== "") this.show([shown]);
    }
  }

  /** What takes the line away, and leaves the cursor at its beginning. */
  #wiping(): string {
    const { columns, hasSequences } = this.#options;
    if (this.#shown === "") return "";
    if (!hasSequences) return `\r${" ".repeat(this.#shown.length)}\r`;
    // A terminal that became narrower has broken the line.
    const rows = Math.ceil(this.#shown.length / Math.max(columns(), 1));
    return `${rows > 1 ? `\x1b[${rows - 1}A` : ""}\r\x1b[J`;
  }
}
