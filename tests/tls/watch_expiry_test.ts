import assert from "node:assert/strict";
import { CredentialBook } from "../../src/tls/credential_book.ts";
import { watchExpiry } from "../../src/tls/watch_expiry.ts";
import { issueTestAuthority, issueTestCertificate } from "../support/certificates.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { RecordingLogger } from "../support/recording_logger.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const START_MS = Date.UTC(2026, 0, 1);
const PATH = "/credentials/identity";

/** A certificate that is good from the start of the test on. */
async function issuePem(lifetimeMs: number, commonName = "handler"): Promise<string> {
  const validity = { notBeforeMs: START_MS, notAfterMs: START_MS + lifetimeMs };
  const { certificatePem } = await issueTestCertificate(await issueTestAuthority("authority"), {
    commonName,
    usage: "client",
    ...validity,
  });
  return certificatePem;
}

async function startWatch(pem: string, options: { readonly startMs?: number } = {}) {
  const clock = new FakeClock(options.startMs ?? START_MS);
  const logger = new RecordingLogger();
  const book = new CredentialBook(clock);
  const enter = (pem: string) =>
    book.enter("Teleport", [{
      name: "teleport_client",
      title: "Certificate for Teleport",
      path: PATH,
      pem,
      renewal: "Sign a new one",
    }]);
  enter(pem);
  const ended = new AbortController();
  const watching = watchExpiry({ book, clock, logger }, ended.signal);
  await clock.waitForSleepers();
  return {
    clock,
    logger,
    enter,
    /** Lets time pass; returns each line logged in it with the milliseconds since the start. */
    async advance(ms: number) {
      const lines: [number, string][] = [];
      const endMs = clock.nowMs() + ms;
      let seen = logger.records.length;
      while (clock.nowMs() < endMs) {
        await clock.advance(Math.min(clock.nextWakeMs!, endMs - clock.nowMs()));
        for (const { level, message } of logger.records.slice(seen)) {
          lines.push([clock.nowMs() - START_MS, `${level}: ${message}`]);
        }
        seen = logger.records.length;
      }
      return lines;
    },
    async [Symbol.asyncDispose]() {
      ended.abort();
      await watching;
    },
  };
}

/** Lifetimes, and the time left at each warning before the end. */
const LIFETIMES: readonly { readonly lifetimeMs: number; readonly left: [number, string][] }[] = [
  {
    lifetimeMs: 5 * HOUR_MS,
    left: [[75 * MINUTE_MS, "75 minutes"], [HOUR_MS, "60 minutes"], [HOUR_MS / 2, "30 minutes"]],
  },
  {
    lifetimeMs: HOUR_MS,
    left: [[15 * MINUTE_MS, "15 minutes"], [6 * MINUTE_MS, "6 minutes"]],
  },
  {
    lifetimeMs: 8 * MINUTE_MS,
    left: [[2 * MINUTE_MS, "2 minutes"], [0.8 * MINUTE_MS, "less than a minute"]],
  },
];

for (const { lifetimeMs, left } of LIFETIMES) {
  const minutes = lifetimeMs / MINUTE_MS;
  Deno.test(`watchExpiry() warns of a certificate of ${minutes} minutes in time, at its end, and each hour after it`, async () => {
    await using watch = await startWatch(await issuePem(lifetimeMs));
    assert.deepEqual(await watch.advance(lifetimeMs + 1.5 * HOUR_MS), [
      ...left.map(([ms, text]) => [
        lifetimeMs - ms,
        `warning: Certificate for Teleport ends in ${text}. Sign a new one`,
      ]),
      ...[0, 1].map((hours) => [
        lifetimeMs + hours * HOUR_MS,
        "error: Certificate for Teleport has expired. Sign a new one",
      ]),
    ]);
    const { fields } = watch.logger.find({})[0]!;
    const until = new Date(START_MS + lifetimeMs).toISOString();
    assert.deepEqual(fields, { subject: "handler", path: PATH, until });
  });
}

/** Time left of 400 days, and how it is said. */
const LATE: readonly (readonly [number, string])[] = [
  [95 * DAY_MS, "95 days"],
  [48 * HOUR_MS, "2 days"],
  [47 * HOUR_MS, "47 hours"],
  [119 * MINUTE_MS, "119 minutes"],
  [MINUTE_MS, "1 minute"],
];

for (const [leftMs, text] of LATE) {
  Deno.test(`watchExpiry() warns at the start, once, of a certificate that has ${text} left`, async () => {
    await using watch = await startWatch(await issuePem(400 * DAY_MS), {
      startMs: START_MS + 400 * DAY_MS - leftMs,
    });
    assert.deepEqual(watch.logger.records.map(({ message }) => message), [
      `Certificate for Teleport ends in ${text}. Sign a new one`,
    ]);
    assert.deepEqual(await watch.advance(MINUTE_MS / 2), []);
  });
}

Deno.test("watchExpiry() is quiet about a certificate that is renewed in time, and about the one in its place", async () => {
  await using watch = await startWatch(await issuePem(HOUR_MS));
  assert.deepEqual(await watch.advance(20 * MINUTE_MS), []);
  watch.enter(await issuePem(2 * HOUR_MS));
  assert.deepEqual(await watch.advance(60 * MINUTE_MS), []);
});

Deno.test("watchExpiry() warns within a minute of a new certificate that ends soon", async () => {
  await using watch = await startWatch(await issuePem(30 * DAY_MS));
  await watch.advance(10 * MINUTE_MS);
  watch.enter(await issuePem(13 * MINUTE_MS));
  const [line] = await watch.advance(MINUTE_MS);
  assert.match(line![1], /ends in [23] minutes/);
});

Deno.test("watchExpiry() follows a wall clock that jumps, and warns again after it went back", async () => {
  await using watch = await startWatch(await issuePem(10 * HOUR_MS));
  watch.clock.jump(8 * HOUR_MS);
  const [first, ...more] = await watch.advance(MINUTE_MS);
  assert.match(first![1], /^warning: .* ends in 119 minutes/);
  assert.deepEqual(more, []);
  watch.clock.jump(-8 * HOUR_MS);
  assert.deepEqual(await watch.advance(MINUTE_MS), []);
  watch.clock.jump(8 * HOUR_MS);
  assert.equal((await watch.advance(MINUTE_MS)).length, 1);
});

Deno.test("watchExpiry() says once at the start, and hourly, that a certificate has expired years ago", async () => {
  await using watch = await startWatch(await issuePem(HOUR_MS), {
    startMs: START_MS + 3650 * DAY_MS + 1000,
  });
  assert.equal(watch.logger.records.length, 1);
  assert.equal((await watch.advance(3 * HOUR_MS)).length, 3);
});
