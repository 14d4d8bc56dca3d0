import assert from "node:assert/strict";
import { fluentdCertificates } from "../support/certificates.ts";
import { type FakeReceiver, startFakeReceiver } from "../support/fake_receiver.ts";
import type { ScriptedAnswer } from "../support/scripted_answer.ts";

/** Posts one event by a client of its own, and gives up after a while. */
async function post(receiver: FakeReceiver, timeoutMs = 5000): Promise<Response> {
  const { authority, client } = await fluentdCertificates();
  using http = Deno.createHttpClient({
    caCerts: [authority.certificatePem],
    cert: client.certificatePem,
    key: client.privateKeyPem,
  });
  const response = await fetch(receiver.url(), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"n":1}',
    client: http,
    signal: AbortSignal.timeout(timeoutMs),
  });
  return new Response(await response.text(), { status: response.status });
}

async function withAnswer(
  answer: ScriptedAnswer,
  run: (receiver: FakeReceiver) => Promise<void>,
): Promise<void> {
  await using receiver = await startFakeReceiver();
  receiver.answerNext(answer, 2);
  await run(receiver);
}

Deno.test("Fake receiver that hangs before taking takes nothing and never answers", async () => {
  await withAnswer({ hang: "before-taking" }, async (receiver) => {
    await assert.rejects(post(receiver, 300), /TimeoutError/);
    assert.equal(receiver.events.length, 0);
    assert.equal(receiver.requests[0]!.status, undefined);
  });
});

Deno.test("Fake receiver that hangs before answering has taken the events", async () => {
  await withAnswer({ hang: "before-answering" }, async (receiver) => {
    await assert.rejects(post(receiver, 300), /TimeoutError/);
    assert.equal(receiver.events.length, 1);
    assert.equal(receiver.requests[0]!.status, undefined);
  });
});

Deno.test("Fake receiver can break off within the head of its answer", async () => {
  // The client tries once more by itself.
  await withAnswer({ reset: "within-head" }, async (receiver) => {
    await assert.rejects(post(receiver));
    assert.equal(receiver.events.length, receiver.requests.length);
    assert.ok(receiver.requests.every(({ status }) => status === undefined));
  });
});

Deno.test("Fake receiver can read late and answer slowly, and the answer is whole", async () => {
  await withAnswer({ readAfterMs: 50, answerOverMs: 100, body: "slowly" }, async (receiver) => {
    const response = await post(receiver);
    assert.equal(await response.text(), "slowly");
    const { answeredAtMs, atMs, status } = receiver.requests[0]!;
    assert.equal(status, 200);
    assert.ok(answeredAtMs! - atMs >= 140, `${answeredAtMs! - atMs}`);
  });
});

Deno.test("Fake receiver forgets its scripted answers when it is told to", async () => {
  await withAnswer({ status: 503 }, async (receiver) => {
    receiver.clearScript();
    assert.equal((await post(receiver)).status, 200);
  });
});
