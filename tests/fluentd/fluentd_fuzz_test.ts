import assert from "node:assert/strict";
import fc from "fast-check";
import { Fault } from "../../src/core/fault.ts";
import { isSessionId } from "../../src/core/session_id.ts";
import { classifyNetworkError } from "../../src/fluentd/network_fault.ts";
import { classifyResponse } from "../../src/fluentd/response.ts";
import { formatSessionUrl } from "../../src/fluentd/session_url.ts";
import { fuzzTest, textOf } from "../support/fuzz.ts";

const KINDS = ["delivered", "retry", "rejected", "misconfigured"];
const words = fc.oneof(
  textOf("\x1b[2J", "\r\n", "\x9b", "larger than buffer chunk limit", "x".repeat(5000), "0", "-"),
  fc.string({ unit: "binary" }),
);

/** What must hold of everything that is said of a receiver. */
function checkDelivery(delivery: ReturnType<typeof classifyResponse>): void {
  assert.ok(KINDS.includes(delivery.kind));
  const { afterMs = 0, reason = "" } = delivery as { afterMs?: number; reason?: string };
  assert.ok(afterMs >= 0 && afterMs <= 300_000, `${afterMs}`);
  assert.ok(reason.length < 1000, `${reason.length}`);
  assert.doesNotMatch(reason, /\p{Cc}/u);
}

fuzzTest("classifyResponse() says what becomes of the events for any answer, in one bounded line", {
  arbitrary: fc.record({
    status: fc.oneof(fc.integer({ min: 200, max: 599 }), fc.integer()),
    retryAfter: fc.option(fc.oneof(words, fc.integer().map(String))),
    location: fc.option(words),
    text: words,
  }),
  check(answer) {
    const delivery = classifyResponse(answer);
    checkDelivery(delivery);
    const { status } = answer;
    assert.equal(
      delivery.kind === "delivered",
      status >= 200 && status < 300,
      "only a 2xx delivers",
    );
  },
});

fuzzTest("classifyNetworkError() says what becomes of the events for whatever fetch threw", {
  arbitrary: fc.tuple(words, fc.anything()),
  check([text, cause]) {
    for (
      const error of [new TypeError(text, { cause }), new DOMException(text, "TimeoutError"), cause]
    ) {
      const delivery = classifyNetworkError(error);
      checkDelivery(delivery);
      assert.ok(delivery.kind === "retry" || delivery.kind === "misconfigured");
    }
  },
});

const SETTINGS = [
  "https://localhost:8888/session",
  "https://localhost:8888",
  "https://localhost:8888/a/{sid}/b?tag=x",
  "https://localhost:8888/a?sid={sid}&token=y",
];

fuzzTest(
  "formatSessionUrl() gives each session id its own place at the receiver of the setting, and nothing else a URL",
  {
    arbitrary: fc.tuple(
      fc.constantFrom(...SETTINGS),
      textOf("..", "/", "%2e", "\\", "@", ":", "?", "#", "&", "{sid}", "$&", "a", "-", "\n", "\0"),
    ),
    allowed: [Fault],
    check([setting, id]) {
      const url = formatSessionUrl(setting, id);
      assert.ok(isSessionId(id));
      const [actual, base] = [new URL(url), new URL(formatSessionUrl(setting, "a"))];
      assert.equal(actual.origin, base.origin);
      assert.equal(actual.href, url, "the URL changes when it is read");
      assert.equal(actual.pathname.split("/").length, base.pathname.split("/").length);
      assert.deepEqual([...actual.searchParams.keys()], [...base.searchParams.keys()]);
    },
  },
);
