import assert from "node:assert/strict";
import fc from "fast-check";
import { parseHttpUrl } from "../../src/config/url_text.ts";
import { isSessionId } from "../../src/core/session_id.ts";
import { Fault } from "../../src/core/fault.ts";
import { formatSessionUrl } from "../../src/fluentd/session_url.ts";

const SID = "8f1c3a52-6f0e-4a3b-9d0e-0123456789ab";

const URLS: readonly [what: string, setting: string, expected: string][] = [
  ["a path", "https://localhost:8888/session", `https://localhost:8888/session.${SID}.log`],
  [
    "a path of several parts",
    "https://fluentd.example.com/a/b/session",
    `https://fluentd.example.com/a/b/session.${SID}.log`,
  ],
  [
    "a trailing slash, as the Go handler does",
    "https://localhost:8888/session/",
    `https://localhost:8888/session/.${SID}.log`,
  ],
  ["a path of one slash", "https://localhost:8888/", `https://localhost:8888/.${SID}.log`],
  [
    "a query, which stays behind the path",
    "https://localhost:8888/session?token=x&y=1",
    `https://localhost:8888/session.${SID}.log?token=x&y=1`,
  ],
  [
    "a query that holds slashes and question marks",
    "https://localhost:8888/session?next=/a?b",
    `https://localhost:8888/session.${SID}.log?next=/a?b`,
  ],
  ["an empty query", "https://localhost:8888/s?", `https://localhost:8888/s.${SID}.log?`],
  [
    "escaped characters, which stay as they are",
    "https://localhost:8888/a%20b%3Fc",
    `https://localhost:8888/a%20b%3Fc.${SID}.log`,
  ],
  ["an IPv6 address and a port", "https://[::1]:8888/s", `https://[::1]:8888/s.${SID}.log`],
  ["an IPv6 address alone", "https://[2001:db8::1]/s", `https://[2001:db8::1]/s.${SID}.log`],
  [
    "a template in the path",
    "https://localhost:8888/sessions/{sid}/events",
    `https://localhost:8888/sessions/${SID}/events`,
  ],
  [
    "a template in the query",
    "https://localhost:8888/session?id={sid}&token=x",
    `https://localhost:8888/session?id=${SID}&token=x`,
  ],
  [
    "a template in both",
    "https://localhost:8888/{sid}?id={sid}",
    `https://localhost:8888/${SID}?id=${SID}`,
  ],
  ["a port and no path", "https://localhost:8888", `https://localhost:8888/.${SID}.log`],
  ["a host and no path", "https://localhost", `https://localhost/.${SID}.log`],
  ["no path and a query", "https://[::1]:8888?a=b", `https://[::1]:8888/.${SID}.log?a=b`],
  [
    "braces that are no template",
    "https://localhost:8888/{SID}/{id}",
    `https://localhost:8888/{SID}/{id}.${SID}.log`,
  ],
];

for (const [what, setting, expected] of URLS) {
  Deno.test(`formatSessionUrl() puts the session into a URL with ${what}`, () => {
    assert.equal(formatSessionUrl(setting, SID), expected);
  });
}

Deno.test("formatSessionUrl() leads every session id to the receiver of the setting, and each to its own place", () => {
  const ids = fc.string({ minLength: 1, maxLength: 128 }).filter(isSessionId);
  const settings = fc.constantFrom(...URLS.map(([, setting]) => setting));
  fc.assert(
    fc.property(settings, ids, ids, (setting, first, second) => {
      const url = new URL(formatSessionUrl(setting, first));
      const base = new URL(setting);
      assert.equal(url.origin, base.origin);
      assert.equal(url.pathname.split("/").length, base.pathname.split("/").length);
      assert.equal(url.searchParams.size, base.searchParams.size);
      assert.equal(formatSessionUrl(setting, second) === url.href, first === second);
    }),
  );
});

Deno.test("formatSessionUrl() leads every session id to one receiver by every URL that the settings may hold", () => {
  const parts = ["{sid}", "{sid}", ".localhost", "localhost", "8888", "[::1]", ":", "/", "?", "@"];
  const texts = fc.array(fc.constantFrom(...parts), { minLength: 1, maxLength: 6 });
  let count = 0;
  fc.assert(
    fc.property(texts, (parts) => {
      const text = `https://${parts.join("")}`;
      try {
        parseHttpUrl(text, "https://localhost:8888/session");
      } catch {
        return;
      }
      count++;
      const origins = ["a", "1"].map((id) => new URL(formatSessionUrl(text, id)).origin);
      assert.deepEqual(new Set(origins), new Set([new URL(text).origin]));
    }),
    { numRuns: 2000, examples: [[["{sid}", ".localhost", "/"]], [["localhost", ":", "{sid}"]]] },
  );
  assert.ok(count > 100, `${count} URLs were valid`);
});

for (const id of ["", "..", "a/b", "a%2fb", "a\n", "{sid}", "x".repeat(129)]) {
  Deno.test(`formatSessionUrl() makes no URL of ${JSON.stringify(id.slice(0, 9))}, which is no session id`, () => {
    assert.throws(
      () => formatSessionUrl("https://localhost/{sid}/log", id),
      (error) => error instanceof Fault && error.kind === "protocol",
    );
  });
}
