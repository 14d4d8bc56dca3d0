import assert from "node:assert/strict";
import fc from "fast-check";
import { formatAddress, parseAddress } from "../../src/config/address_text.ts";
import { formatList, parseList } from "../../src/config/list_text.ts";
import { findNearestName } from "../../src/config/nearest_name.ts";
import { isLoopbackUrl, redactUrl } from "../../src/config/url_text.ts";

const LISTS: readonly (readonly [text: string, entries: readonly string[]])[] = [
  ["", []],
  [" , ,", []],
  ["a", ["a"]],
  ["a,b", ["a", "b"]],
  [" a , b ", ["a", "b"]],
  ["a\\,b,c", ["a,b", "c"]],
  ["a\\b", ["a\\b"]],
];

for (const [text, entries] of LISTS) {
  Deno.test(`parseList() reads ${JSON.stringify(text)}`, () => {
    assert.deepEqual(parseList(text), entries);
  });
}

Deno.test("parseList() reads back what formatList() wrote", () => {
  const entry = fc.string({ unit: fc.constantFrom(..."ab. ,"), minLength: 1 })
    .map((text) => text.trim()).filter((text) => text !== "");
  fc.assert(fc.property(fc.array(entry), (entries) => {
    assert.deepEqual(parseList(formatList(entries)), entries);
  }));
});

const ADDRESSES: readonly (readonly [text: string, formatted: string, notices: number])[] = [
  ["localhost:3025", "localhost:3025", 0],
  ["auth_1.test:1", "auth_1.test:1", 0],
  ["10.0.0.1:65535", "10.0.0.1:65535", 0],
  ["[::1]:3025", "[::1]:3025", 0],
  ["[fe80::1%eth0]:3025", "[fe80::1%eth0]:3025", 0],
  ["[2001:db8::1]", "[2001:db8::1]:3025", 1],
  ["auth.test", "auth.test:3025", 1],
  ["HTTPS://auth.test:443/", "auth.test:443", 1],
  ["https://auth.test", "auth.test:3025", 2],
];

for (const [text, formatted, count] of ADDRESSES) {
  Deno.test(`parseAddress() reads ${text} as ${formatted}`, () => {
    const notices: string[] = [];
    const address = parseAddress(text, 3025, (notice) => notices.push(notice));
    assert.equal(formatAddress(address), formatted);
    assert.equal(notices.length, count);
  });
}

Deno.test("parseAddress() leaves a port to be searched where that is asked for, and shows none", () => {
  const notices: string[] = [];
  const address = parseAddress("[::1]", "search", (notice) => notices.push(notice));
  assert.deepEqual(address, { host: "::1", port: 3025, isPortAssumed: true });
  assert.equal(formatAddress(address), "[::1]");
  assert.equal(notices.length, 1);
  assert.equal(parseAddress("a:3025", "search", () => {}).isPortAssumed, undefined);
});

const REDACTED: readonly (readonly [text: string, shown: string])[] = [
  ["https://a/b", "https://a/b"],
  ["https://me:pass@a/b", "https://***@a/b"],
  ["https://me:p@ss@a/b", "https://***@a/b"],
  ["htp://me:pass@", "htp://***@"],
  ["https://a/b?token=x&y=z#f", "https://a/b?token=***&y=***#f"],
  ["https://a/b@c", "https://a/b@c"],
];

for (const [text, shown] of REDACTED) {
  Deno.test(`redactUrl() shows ${text} as ${shown}`, () => assert.equal(redactUrl(text), shown));
}

for (const host of ["localhost", "a.localhost", "127.0.0.1", "127.1", "[::1]"]) {
  Deno.test(`isLoopbackUrl() is true for ${host}`, () => {
    assert.equal(isLoopbackUrl(`http://${host}:8888/x`), true);
  });
}

for (const host of ["localhost.test", "128.0.0.1", "127.0.0.1.test", "[::2]"]) {
  Deno.test(`isLoopbackUrl() is false for ${host}`, () => {
    assert.equal(isLoopbackUrl(`http://${host}/x`), false);
  });
}

const CANDIDATES = ["storage", "fluentd-url", "fluentd-session-url", "types", "log-format"];

const NEAREST: readonly (readonly [name: string, nearest: string | undefined])[] = [
  ["storge", "storage"],
  ["sotrage", "storage"],
  ["fluentd-uri", "fluentd-url"],
  ["url", "fluentd-url"],
  ["format", "log-format"],
  ["rl", undefined],
  ["kubernetes", undefined],
  ["", undefined],
];

for (const [name, nearest] of NEAREST) {
  Deno.test(`findNearestName() finds ${nearest} for "${name}"`, () => {
    assert.equal(findNearestName(name, CANDIDATES), nearest);
  });
}

for (
  const [text, shown] of [
    ["https://me:pw@host/x", "https://***@host/x"],
    ["https:///me:pw@host/x", "https:///***@host/x"],
    ["https:\\\\me:pw@host", "https:\\\\***@host"],
    ["https:/\t/me:pw@host", "https:/\t/***@host"],
    ["https:me:pw@host", "***@host"],
    ["https://host/x?token=pw&a=b@c", "https://host/x?token=***&a=***"],
  ] as const
) {
  Deno.test(`redactUrl() shows ${JSON.stringify(shown)} of a URL that holds a secret`, () => {
    assert.equal(redactUrl(text), shown);
  });
}
