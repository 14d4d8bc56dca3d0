import assert from "node:assert/strict";
import fc from "fast-check";
import type { Delivery } from "../../src/core/delivery.ts";
import { classifyResponse, type ReceiverAnswer } from "../../src/fluentd/response.ts";

function classify(status: number, answer: Partial<ReceiverAnswer> = {}): Delivery {
  return classifyResponse({ retryAfter: null, location: null, text: "", status, ...answer });
}

/** What is expected of each status: `suspect` is a retry that may be the fault of one event. */
const STATUSES: { readonly [kind in Delivery["kind"] | "suspect"]: readonly number[] } = {
  delivered: [200, 201, 202, 203, 204, 205, 206, 207, 226, 299],
  rejected: [400, 402, 406, 409, 412, 413, 415, 416, 418, 422, 423, 424, 428, 451, 499],
  misconfigured: [
    ...[300, 301, 302, 303, 304, 305, 307, 308],
    ...[401, 403, 404, 405, 407, 410, 411, 414, 417, 421, 426, 431, 501, 505, 511],
  ],
  retry: [408, 425, 429, 502, 503, 504, 507],
  suspect: [500, 506, 508, 510, 520, 599],
};

for (const [kind, statuses] of Object.entries(STATUSES)) {
  for (const status of statuses) {
    Deno.test(`classifyResponse() maps HTTP ${status} to ${kind}`, () => {
      const delivery = classify(status, { text: "words" });
      assert.equal(delivery.kind, kind === "suspect" ? "retry" : kind);
      if (delivery.kind === "delivered") return;
      assert.equal("suspect" in delivery && delivery.suspect === true, kind === "suspect");
      assert.match(delivery.reason, new RegExp(`HTTP ${status}: words`));
      if (delivery.kind !== "retry") assert.match(delivery.remedy ?? "", /^[a-z].{10}.*[^.]$/);
    });
  }
}

const MEANINGS: readonly [number, RegExp, RegExp][] = [
  [302, /redirects/, /final URL/],
  [401, /credentials/, /check the URL/],
  [403, /forbids/, /proxy/],
  [404, /path of the URL/, /fluentd\.session-url/],
  [405, /does not take POST/, /@type http/],
  [407, /proxy/, /past the proxy/],
  [414, /URL is too long/, /path/],
];

for (const [status, words, remedy] of MEANINGS) {
  Deno.test(`classifyResponse() says in words what HTTP ${status} means, and what to do`, () => {
    const delivery = classify(status);
    assert.ok(delivery.kind === "misconfigured");
    assert.match(delivery.reason, words);
    assert.match(delivery.remedy!, remedy);
  });
}

const REMEDIES: readonly [number, string, RegExp][] = [
  [400, "", /<parse>/],
  [413, "", /body_size_limit/],
  [415, "", /application\/json/],
  [500, "record is larger than buffer chunk limit size", /chunk_limit_size/],
];

for (const [status, text, remedy] of REMEDIES) {
  Deno.test(`classifyResponse() says what to do about HTTP ${status} '${text}' where all events are refused`, () => {
    const delivery = classify(status, { text });
    assert.ok(delivery.kind === "rejected");
    assert.match(delivery.remedy!, remedy);
  });
}

/** What nginx writes under a status of 400 when it ends TLS itself. */
for (
  const text of [
    "<head><title>400 No required SSL certificate was sent</title></head>",
    "<head><title>400 The SSL certificate error</title></head>",
    "<center>The plain HTTP request was sent to HTTPS port</center>",
  ]
) {
  Deno.test(`classifyResponse() does not blame an event for '${text.replaceAll(/<[^>]*>/g, "")}'`, () => {
    assert.equal(classify(400, { text }).kind, "misconfigured");
  });
}

/** What Fluentd writes under a status of 500. */
const SERVER_ERRORS: readonly [string, Delivery["kind"], boolean][] = [
  [
    "500 Internal Server Error\na 20000008bytes record (nth: 0) is larger than buffer chunk limit size (8388608)\n",
    "rejected",
    false,
  ],
  [
    "500 Internal Server Error\nchunk bytes limit exceeds for an emitted event stream: 1bytes\n",
    "rejected",
    false,
  ],
  ["500 Internal Server Error\nbuffer space has too many data\n", "retry", false],
  ["500 Internal Server Error\nundefined method `each_pair' for 1:Integer\n", "retry", true],
];

for (const [text, kind, suspect] of SERVER_ERRORS) {
  Deno.test(`classifyResponse() takes HTTP 500 '${text.split("\n")[1]}' for ${kind}${suspect ? " that may be one event's fault" : ""}`, () => {
    const delivery = classify(500, { text });
    assert.equal(delivery.kind, kind);
    assert.equal("suspect" in delivery && delivery.suspect === true, suspect);
  });
}

const RETRY_AFTER: readonly [string | null, number | undefined][] = [
  ["1", 1000],
  ["0", 0],
  [" 30 ", 30_000],
  ["300", 300_000],
  ["301", 300_000],
  ["999999999", 300_000],
  ["9999999999", undefined],
  ["-1", undefined],
  ["1.5", undefined],
  ["1e3", undefined],
  ["", undefined],
  ["soon", undefined],
  ["Wed, 21 Oct 2065 07:28:00 GMT", undefined],
  [null, undefined],
];

for (const [value, afterMs] of RETRY_AFTER) {
  Deno.test(`classifyResponse() reads Retry-After ${JSON.stringify(value)} as ${afterMs} ms`, () => {
    for (const status of [429, 503]) {
      const delivery = classify(status, { retryAfter: value });
      assert.ok(delivery.kind === "retry");
      assert.equal(delivery.afterMs, afterMs);
      assert.equal("afterMs" in delivery, afterMs !== undefined);
    }
  });
}

const QUOTES: readonly [string, string, string][] = [
  [
    "repeats a status line only once",
    "422 Unprocessable\ninvalid time\n",
    "HTTP 422: Unprocessable invalid time",
  ],
  ["says the status alone where there are no words", " \r\n\t", "HTTP 422"],
  [
    "says of a page for people its title alone",
    "<html>\r\n<head><title>422 Unprocessable</title></head><body>…</body></html>",
    "HTTP 422: Unprocessable",
  ],
  ["puts several lines on one", "a\r\n\r\nb", "HTTP 422: a b"],
  ["takes escape sequences apart", "a\x1b[2J\x07\x9b31mb", "HTTP 422: a [2J 31mb"],
  ["cuts long texts", "x".repeat(5000), `HTTP 422: ${"x".repeat(300)}`],
  [
    "leaves no half character at the cut",
    "x".repeat(299) + "🗝",
    `HTTP 422: ${"x".repeat(299)}\ufffd`,
  ],
];

for (const [what, text, reason] of QUOTES) {
  Deno.test(`classifyResponse() ${what}`, () => {
    const delivery = classify(422, { text });
    assert.ok(delivery.kind === "rejected");
    assert.equal(delivery.reason, reason);
  });
}

Deno.test("classifyResponse() names the target of a redirect, shortened and without control characters", () => {
  const delivery = classify(302, { location: `/else\x1b[2J${"x".repeat(5000)}` });
  assert.ok(delivery.kind === "misconfigured");
  assert.match(delivery.reason, /redirects to \/else \[2Jx+; redirects are not followed/);
  assert.ok(delivery.reason.length < 500);
});

Deno.test("classifyResponse() gives a reason on one short line for any answer whatsoever", () => {
  const kinds = new Set(["delivered", "retry", "rejected", "misconfigured"]);
  const text = fc.string({ unit: "binary", maxLength: 400 });
  fc.assert(fc.property(
    fc.record({
      status: fc.integer({ min: 100, max: 999 }),
      text,
      retryAfter: fc.option(fc.oneof(text, fc.stringMatching(/^[0-9]{0,12}$/))),
      location: fc.option(text),
    }),
    (answer) => {
      const delivery = classifyResponse(answer);
      assert.ok(kinds.has(delivery.kind));
      assert.equal(delivery.kind === "delivered", answer.status >= 200 && answer.status < 300);
      if (delivery.kind === "delivered") return;
      assert.match(delivery.reason, /^[^\p{Cc}]+$/u);
      assert.ok(delivery.reason.length < 800 && delivery.reason.isWellFormed());
    },
  ));
});
