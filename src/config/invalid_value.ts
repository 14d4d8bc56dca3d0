/** Thrown by the parsers of this folder: what is wrong with a value, and what to do about it. */
export class InvalidValue extends Error {
  /** What to do. Sentence case, no final period. */
  readonly hint: string;

  constructor(problem: string, hint: string) {
    super(problem);
    this.name = "InvalidValue";
    this.hint = hint;
  }
}
