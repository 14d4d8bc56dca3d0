import assert from "node:assert/strict";
import fc from "fast-check";
import { isPrivateKey, parsePemBlocks } from "../../src/tls/pem.ts";

function block(label: string, body = "AAAA"): string {
  return `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;
}

function labels(text: string): string[] {
  return parsePemBlocks(text).map((block) => block.label);
}

Deno.test("parsePemBlocks() gives the blocks in their order, each with its markers", () => {
  const text = block("EC PRIVATE KEY", "AAAA\nBBBB") + block("CERTIFICATE", "CCCC");
  assert.deepEqual(parsePemBlocks(text), [
    { label: "EC PRIVATE KEY", pem: block("EC PRIVATE KEY", "AAAA\nBBBB") },
    { label: "CERTIFICATE", pem: block("CERTIFICATE", "CCCC") },
  ]);
});

Deno.test("parsePemBlocks() skips what stands before, between and after blocks", () => {
  const text = `\ufeffsubject=x\n${block("A")}ssh-rsa-cert-v01@openssh.com AAAA\n${
    block("B")
  }@cert-authority *.x y`;
  assert.deepEqual(labels(text), ["A", "B"]);
});

for (
  const [what, change] of [
    ["Windows line ends", (text: string) => text.replaceAll("\n", "\r\n")],
    ["white space around lines", (text: string) => text.replaceAll("\n", "  \n\t")],
    ["no line end at the end", (text: string) => text.trimEnd()],
  ] as const
) {
  Deno.test(`parsePemBlocks() takes ${what}`, () => {
    const text = block("A", "AAAA\nBBBB") + block("B");
    assert.deepEqual(parsePemBlocks(change(text)), parsePemBlocks(text));
  });
}

Deno.test("parsePemBlocks() finds nothing in a text without blocks", () => {
  for (const text of ["", "\n", "text", "-----BEGIN", "----- BEGIN X-----", "-----END A-----"]) {
    assert.deepEqual(parsePemBlocks(text), []);
  }
});

const UNENDED: readonly [string, string][] = [
  ["that is cut off", "-----BEGIN A-----\nAAAA\n"],
  ["that another begins in", `-----BEGIN A-----\nAAAA\n${block("B")}`],
  ["that another ends", "-----BEGIN A-----\nAAAA\n-----END B-----\n"],
];

for (const [what, text] of UNENDED) {
  Deno.test(`parsePemBlocks() refuses a block ${what}, and names it`, () => {
    assert.throws(() => parsePemBlocks(block("X") + text), (error: Error) => {
      assert.ok(error instanceof SyntaxError);
      assert.equal(error.message, "PEM block 'A' does not end");
      return true;
    });
  });
}

Deno.test("isPrivateKey() knows keys of all formats", () => {
  for (
    const [label, isKey] of [
      ["PRIVATE KEY", true],
      ["RSA PRIVATE KEY", true],
      ["EC PRIVATE KEY", true],
      ["ENCRYPTED PRIVATE KEY", true],
      ["PUBLIC KEY", false],
      ["EC PARAMETERS", false],
      ["CERTIFICATE", false],
    ] as const
  ) {
    assert.equal(isPrivateKey({ label, pem: "" }), isKey, label);
  }
});

/** Lines as they occur in PEM files, and near misses. */
const lines = fc.array(
  fc.oneof(
    fc.constantFrom(
      "-----BEGIN CERTIFICATE-----",
      "-----END CERTIFICATE-----",
      "-----BEGIN RSA PRIVATE KEY-----",
      "-----END RSA PRIVATE KEY-----",
      "-----BEGIN -----",
      "-----END -----",
      "-----BEGIN x-----",
      "MIIB",
      "",
      " ",
    ),
    fc.string({ unit: "binary" }),
  ),
  { maxLength: 20 },
);

Deno.test("parsePemBlocks() throws nothing but SyntaxError, and each block parses as itself again", () => {
  fc.assert(
    fc.property(lines, fc.constantFrom("\n", "\r\n"), (parts, lineEnd) => {
      let blocks;
      try {
        blocks = parsePemBlocks(parts.join(lineEnd));
      } catch (error) {
        assert.ok(error instanceof SyntaxError, `${error}`);
        return;
      }
      for (const block of blocks) assert.deepEqual(parsePemBlocks(block.pem), [block]);
    }),
    { numRuns: 500 },
  );
});
