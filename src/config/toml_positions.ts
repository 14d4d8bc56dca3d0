/** Where a TOML value was written. */
export interface TomlPosition {
  /** Line of its key, from 1. */
  readonly line: number;
  /** The value as written. */
  readonly raw: string;
}

/** Writes a TOML path with dots; a segment that is no bare key is quoted. */
export function formatTomlPath(segments: readonly string[]): string {
  return segments.map((s) => /^[A-Za-z0-9_-]+$/.test(s) ? s : JSON.stringify(s)).join(".");
}

/**
 * Finds where each value of a TOML document stands, by its dotted path. The parser tells values only,
 * and this is what error messages lack. The text must be one that the parser accepted; of any other,
 * and of keys with odd escapes, positions may be missing or wrong, and nothing worse.
 */
export function scanTomlPositions(text: string): ReadonlyMap<string, TomlPosition> {
  return new Scanner(text).scan();
}

class Scanner {
  readonly #text: string;
  readonly #positions = new Map<string, TomlPosition>();
  #at = 0;
  #line = 1;

  constructor(text: string) {
    this.#text = text;
  }

  scan(): ReadonlyMap<string, TomlPosition> {
    let table: readonly string[] = [];
    for (this.#skipBlank(); this.#at < this.#text.length; this.#skipBlank()) {
      const before = this.#at;
      if (this.#text[this.#at] === "[") {
        while (this.#text[this.#at] === "[") this.#advance();
        table = this.#key();
        while (this.#text[this.#at] === "]") this.#advance();
      } else {
        this.#pair(table);
      }
      if (this.#at === before) this.#advance();
    }
    return this.#positions;
  }

  #pair(table: readonly string[]): void {
    const line = this.#line;
    const path = [...table, ...this.#key()];
    if (this.#text[this.#at] === "=") this.#advance();
    this.#skipBlank();
    const start = this.#at;
    this.#value(path);
    const raw = this.#text.slice(start, this.#at).trim();
    this.#positions.set(formatTomlPath(path), { line, raw });
  }

  #key(): string[] {
    const segments: string[] = [];
    do {
      if (segments.length > 0) this.#advance();
      this.#skipBlank();
      const start = this.#at;
      const quote = this.#text[start];
      if (quote === '"' || quote === "'") {
        this.#string();
        segments.push(unquote(this.#text.slice(start, this.#at)));
      } else {
        this.#skipWhile(/[A-Za-z0-9_-]/);
        segments.push(this.#text.slice(start, this.#at));
      }
      this.#skipBlank();
    } while (this.#text[this.#at] === ".");
    return segments;
  }

  #value(path: readonly string[]): void {
    const first = this.#text[this.#at];
    if (first === '"' || first === "'") return this.#string();
    if (first === "[") return this.#enclosed("]", () => this.#value([]));
    if (first === "{") return this.#enclosed("}", () => this.#pair(path));
    this.#skipWhile(/[^,\]}#\n]/);
  }

  #enclosed(close: string, item: () => void): void {
    this.#advance();
    for (this.#skipBlank(); this.#at < this.#text.length; this.#skipBlank()) {
      if (this.#text[this.#at] === close) return this.#advance();
      const before = this.#at;
      if (this.#text[this.#at] === ",") this.#advance();
      else item();
      if (this.#at === before) this.#advance();
    }
  }

  #string(): void {
    const quote = this.#text[this.#at]!;
    const triple = quote.repeat(3);
    const end = this.#text.startsWith(triple, this.#at) ? triple : quote;
    this.#advance(end.length);
    while (this.#at < this.#text.length && !this.#text.startsWith(end, this.#at)) {
      this.#advance(quote === '"' && this.#text[this.#at] === "\\" ? 2 : 1);
    }
    this.#advance(end.length);
    // Up to two quotes may stand right before the closing three.
    while (end === triple && this.#text[this.#at] === quote) this.#advance();
  }

  #skipBlank(): void {
    this.#skipWhile(/\s/);
    while (this.#text[this.#at] === "#") {
      this.#skipWhile(/[^\n]/);
      this.#skipWhile(/\s/);
    }
  }

  #skipWhile(pattern: RegExp): void {
    while (this.#at < this.#text.length && pattern.test(this.#text[this.#at]!)) this.#advance();
  }

  #advance(count = 1): void {
    for (const end = this.#at + count; this.#at < end; this.#at++) {
      if (this.#text[this.#at] === "\n") this.#line++;
    }
  }
}

/** A quoted key's own text. TOML's escapes are JSON's but for a few, which stay as written. */
function unquote(quoted: string): string {
  try {
    if (quoted.startsWith('"')) return JSON.parse(quoted);
  } catch {
    // Fall through: a wrong position is the worst that can come of it.
  }
  return quoted.slice(1, -1);
}
