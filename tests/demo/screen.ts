/** Who a line is about: it stands in front of the line, in a colour of its own. */
export type Speaker = "teleport" | "handler" | "fluentd";

/** How the demo is shown. */
export interface ScreenOptions {
  readonly write: (text: string) => void;
  readonly color: boolean;
  /** Columns of the terminal; undefined when lines may be of any length. */
  readonly columns: number | undefined;
}

const BOLD = 1;
const DIM = 90;
const RED = 31;
const GREEN = 32;
const YELLOW = 33;
const SPEAKER_COLORS: { readonly [speaker in Speaker]: number } = {
  teleport: 35,
  handler: 36,
  fluentd: 32,
};
const LEVEL_COLORS: { readonly [level: string]: number } = {
  DEBU: DIM,
  INFO: 36,
  WARN: YELLOW,
  ERRO: RED,
};
const LABEL_WIDTH = 10;

/** The output of the demo: headings, lines with a speaker, and colour where it is wanted. */
export class Screen {
  readonly #options: ScreenOptions;

  constructor(options: ScreenOptions) {
    this.#options = options;
  }

  heading(text: string): void {
    this.#line(`\n${this.#paint(BOLD, text)}`);
  }

  /** What a person could type. */
  command(text: string): void {
    this.#line(`  ${this.#paint(DIM, "$")} ${text}`);
  }

  /** The text of a file, set off from the rest. */
  file(text: string): void {
    for (const line of text.trimEnd().split("\n")) this.#line(this.#paint(DIM, `  │ ${line}`));
  }

  /** A line of one of the three programs. It is cut where the terminal ends. */
  say(speaker: Speaker, text: string): void {
    const { columns } = this.#options;
    const room = columns === undefined ? Infinity : Math.max(columns - LABEL_WIDTH - 1, 20);
    const shown = text.length <= room ? text : `${text.slice(0, room - 1)}…`;
    const label = this.#paint(SPEAKER_COLORS[speaker], speaker.padEnd(LABEL_WIDTH));
    this.#line(label + this.#paintLevel(shown));
  }

  /** One row of the summary. */
  row(name: string, value: string): void {
    this.#line(`  ${this.#paint(DIM, name.padEnd(LABEL_WIDTH))}  ${value}`);
  }

  success(text: string): void {
    this.#line(`\n${this.#paint(GREEN, text)}`);
  }

  failure(text: string): void {
    this.#line(`\n${this.#paint(RED, text)}`);
  }

  #line(text: string): void {
    this.#options.write(`${text}\n`);
  }

  #paintLevel(text: string): string {
    const level = /^(DEBU|INFO|WARN|ERRO)(?=\[)/.exec(text)?.[1];
    if (level === undefined) return text;
    return this.#paint(LEVEL_COLORS[level]!, level) + text.slice(level.length);
  }

  #paint(color: number, text: string): string {
    return this.#options.color ? `\x1b[${color}m${text}\x1b[0m` : text;
  }
}
