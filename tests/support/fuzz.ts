/** Tests of parsers with made-up input: whatever comes, a value or an error that says something. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { drawSeed } from "./seed.ts";

/** How long each test tries, in seconds; more for a hunt: `FUZZ_SECONDS=60 scripts/test tests …`. */
const SECONDS = Number(Deno.env.get("FUZZ_SECONDS") ?? 0.4);
/** A parser that takes longer for one small input hangs. Opening an encrypted key takes a second. */
const HANG_MS = 20_000;

// deno-lint-ignore no-explicit-any -- every class of errors
type ErrorClass = abstract new (...args: any[]) => Error;

/**
 * Declares a test that calls `check` with values of `arbitrary` for a while. `check` may throw the
 * errors of `allowed`, which must say something; any other one fails the test, with the seed and the
 * smallest value that shows it.
 */
export function fuzzTest<T>(
  title: string,
  options: {
    readonly arbitrary: fc.Arbitrary<T>;
    readonly allowed?: readonly ErrorClass[];
    readonly check: (value: T) => void | Promise<void>;
  },
): void {
  const { allowed = [], arbitrary, check } = options;
  Deno.test(title, async () => {
    const endMs = performance.now() + SECONDS * 1000;
    const property = fc.asyncProperty(arbitrary, async (value) => {
      const startMs = performance.now();
      try {
        await check(value);
      } catch (error) {
        if (!allowed.some((type) => error instanceof type && error.constructor === type)) {
          throw error;
        }
        assert.ok((error as Error).message.length > 3, "The error says nothing");
      }
      assert.ok(performance.now() - startMs < HANG_MS, "It takes too long");
    });
    // In small lots, because the library's own limit would leave the last run under way.
    for (let seed = drawSeed(); performance.now() < endMs; seed++) {
      await fc.assert(property, { seed, numRuns: 20 });
    }
  });
}

/** Texts of which a parser of these words may take some for its own. */
export function textOf(...words: readonly string[]): fc.Arbitrary<string> {
  const part = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...words) },
    fc.string({ unit: "binary", maxLength: 8 }),
    fc.nat().map(String),
  );
  return fc.array(part, { maxLength: 16 }).map((parts) => parts.join(""));
}

/** Something sound with a few bytes changed, taken out or put in. */
export function mutationsOf(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  const change = fc.record({
    at: fc.nat(Math.max(bytes.length - 1, 0)),
    removed: fc.constantFrom(0, 0, 1, 1, 1, 4, 64),
    added: fc.uint8Array({ maxLength: 3 }),
  });
  return fc.array(change, { maxLength: 4 }).map((changes) => {
    let mutated = bytes;
    for (const { added, at, removed } of changes) {
      const next = new Uint8Array(
        Math.max(mutated.length + added.length - removed, at + added.length),
      );
      next.set(mutated.subarray(0, at));
      next.set(added, at);
      next.set(
        mutated.subarray(at + removed).subarray(0, next.length - at - added.length),
        at + added.length,
      );
      mutated = next;
    }
    return mutated;
  });
}

/** The same for a text. */
export function textMutationsOf(text: string): fc.Arbitrary<string> {
  return mutationsOf(new TextEncoder().encode(text)).map((bytes) =>
    new TextDecoder().decode(bytes)
  );
}
