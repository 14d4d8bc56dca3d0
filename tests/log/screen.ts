/** As much of a terminal as the progress line needs: text, \r, \n, cursor up, erase below, reflow. */
export class Screen {
  #columns: number;
  /** Lines as they were written; a row on the screen holds at most `columns` of one. */
  #lines: string[] = [""];
  #column = 0;
  #line = 0;

  constructor(columns: number) {
    this.#columns = columns;
  }

  get columns(): number {
    return this.#columns;
  }

  /** What stands there, row by row. */
  get rows(): string[] {
    return this.#lines.flatMap((line) =>
      line === "" ? [""] : line.match(new RegExp(`.{1,${this.#columns}}`, "g"))!
    ).map((row) => row.trimEnd());
  }

  write(text: string): void {
    for (const part of text.split(/(?=\p{Cc})|(?<=[AJ\r\n])/u)) {
      if (part === "\r") this.#toRowStart();
      else if (part === "\n") this.#newLine();
      else if (part === "\x1b[J") this.#eraseBelow();
      else if (part.startsWith("\x1b")) this.#up(Number(part.slice(2, -1)));
      else for (const character of part) this.#put(character);
    }
  }

  /** Breaks long lines anew, as terminals do. The cursor stays at its character. */
  resize(columns: number): void {
    this.#columns = columns;
  }

  /** Behind a full row, the cursor waits in its last column. */
  #toRowStart(): void {
    this.#column = Math.floor(Math.max(this.#column - 1, 0) / this.#columns) * this.#columns;
  }

  #newLine(): void {
    this.#line++;
    this.#column = 0;
    if (this.#line === this.#lines.length) this.#lines.push("");
  }

  /** Within a broken line, up is one width back. */
  #up(rows: number): void {
    this.#column -= rows * this.#columns;
    if (this.#column < 0) throw new Error("The cursor went above the progress line");
  }

  #eraseBelow(): void {
    this.#lines[this.#line] = this.#lines[this.#line]!.slice(0, this.#column);
    this.#lines.length = this.#line + 1;
  }

  #put(character: string): void {
    const line = this.#lines[this.#line]!.padEnd(this.#column);
    this.#lines[this.#line] = line.slice(0, this.#column) + character +
      line.slice(this.#column + 1);
    this.#column++;
  }
}
