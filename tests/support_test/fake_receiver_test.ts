import assert from "node:assert/strict";
import { type ReceiverSubject, testReceiverContract } from "../contract/receiver.ts";
import { fluentdCertificates } from "../support/certificates.ts";
import { type FakeReceiver, startFakeReceiver } from "../support/fake_receiver.ts";
import { Gate } from "../support/gate.ts";
import { startFluentd } from "../support/fluentd.ts";
import { peerPath, peerTest } from "../support/peer.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const LIMITS = { keepAliveTimeoutMs: 1000, bodySizeLimit: 64 * 1024 };

async function openFakeSubject(): Promise<ReceiverSubject> {
  const receiver = await startFakeReceiver(LIMITS);
  return {
    certificates: receiver.certificates,
    url: (path) => receiver.url(path),
    readTaken: (path) => Promise.resolve(receiver.fieldsOf(path)),
    [Symbol.asyncDispose]: () => receiver.close(),
  };
}

async function openFluentdSubject(
  variable: "FLUENTD_OLDEST" | "FLUENTD_NEWEST",
): Promise<ReceiverSubject> {
  const folder = await temporaryFolder();
  const fluentd = await startFluentd({
    executable: peerPath(variable),
    folder: folder.path,
    ...LIMITS,
  });
  return {
    certificates: await fluentdCertificates(),
    url: (path) => fluentd.url(path),
    async readTaken(path) {
      await fluentd.stop();
      return await fluentd.readRecords(path.slice(1).replaceAll("/", "."));
    },
    async [Symbol.asyncDispose]() {
      await fluentd[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

testReceiverContract("fake receiver", openFakeSubject, (title, fn) => Deno.test(title, fn));
for (
  const [name, variable] of [
    ["oldest Fluentd", "FLUENTD_OLDEST"],
    ["newest Fluentd", "FLUENTD_NEWEST"],
  ] as const
) {
  const open = () => openFluentdSubject(variable);
  const register = (title: string, fn: () => Promise<void>) =>
    peerTest(title, { needs: [variable] }, fn);
  testReceiverContract(name, open, register);
}

/** Posts for a test of the fake's own answers, and returns what came back. */
type Poster = (
  body: unknown,
  headers?: Record<string, string>,
) => Promise<{ readonly status: number; readonly text: string; readonly headers: Headers }>;

function answerTest(
  title: string,
  fn: (receiver: FakeReceiver, post: Poster) => Promise<void>,
): void {
  Deno.test(title, async () => {
    await using receiver = await startFakeReceiver();
    const { authority, client: pair } = receiver.certificates;
    const createClient = () =>
      Deno.createHttpClient({
        caCerts: [authority.certificatePem],
        cert: pair.certificatePem,
        key: pair.privateKeyPem,
      });
    let client = createClient();
    using clients = new DisposableStack();
    clients.defer(() => client.close());
    const send: Poster = async (body, headers = {}) => {
      const text = typeof body === "string" ? body : JSON.stringify(body);
      const response = await fetch(receiver.url(), {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        // A stream, because fetch sends any other body a second time by itself when the connection
        // breaks before the answer.
        body: new Blob([text]).stream(),
        client,
      });
      return { status: response.status, text: await response.text(), headers: response.headers };
    };
    await fn(receiver, async (...args) => {
      try {
        return await send(...args);
      } catch (error) {
        // The next connection must be that of a new client: this one would resume its session.
        client.close();
        client = createClient();
        throw error;
      }
    });
  });
}

answerTest(
  "answerNext() answers as told and takes nothing with an error",
  async (receiver, post) => {
    receiver.answerNext({ status: 429, headers: { "retry-after": "3" }, body: "slow" });
    const response = await post({ n: 1 });
    assert.equal(response.status, 429);
    assert.equal(response.headers.get("retry-after"), "3");
    assert.equal(response.text, "slow");
    assert.equal((await post([{ n: 2 }])).status, 200);
    assert.deepEqual(receiver.fieldsOf("/test.log"), [{ n: 2 }]);
    assert.deepEqual(
      receiver.requests.map((r) => [r.path, r.status, r.taken, r.connectionId, r.client]),
      [
        ["/test.log", 429, 0, 1, "teleport-event-handler"],
        ["/test.log", 200, 1, 1, "teleport-event-handler"],
      ],
    );
    assert.deepEqual(receiver.violations, []);
  },
);

answerTest("answerNext() can take some events and fail all the same", async (receiver, post) => {
  receiver.answerNext({ status: 500, take: 1 });
  const response = await post([{ n: 1 }, { n: 2 }]);
  assert.equal(response.status, 500);
  assert.deepEqual(receiver.fieldsOf(), [{ n: 1 }]);
});

for (
  const [reset, taken] of [
    ["before-reading", 0],
    ["before-answering", 1],
    ["within-answer", 1],
  ] as const
) {
  answerTest(`answerNext() resets the connection ${reset}`, async (receiver, post) => {
    receiver.answerNext({ reset });
    await assert.rejects(post({ n: 1 }));
    assert.equal(receiver.events.length, taken);
    assert.equal((await post({ n: 2 })).status, 200);
  });
}

answerTest("holdNext() keeps a request until the gate is opened", async (receiver, post) => {
  const gate = receiver.holdNext();
  const response = post({ n: 1 });
  await gate.reached;
  assert.equal(receiver.events.length, 0);
  assert.deepEqual(receiver.requests[0]?.events, [{ n: 1 }]);
  gate.open();
  assert.equal((await response).status, 200);
});

answerTest("answerNext() can take the events and hold the answer", async (receiver, post) => {
  const answerGate = new Gate();
  receiver.answerNext({ answerGate });
  const response = post({ n: 1 });
  await receiver.waitForEvents(1);
  answerGate.open();
  assert.equal((await response).status, 200);
});

answerTest(
  "rejectIf() refuses every batch with a matching event until it is stopped",
  async (receiver, post) => {
    const stop = receiver.rejectIf((event) => event.n === 2);
    const status = async (body: unknown) => {
      const response = await post(body);
      return response.status;
    };
    assert.equal(await status([{ n: 1 }, { n: 2 }]), 400);
    assert.equal(await status([{ n: 1 }]), 200);
    stop();
    assert.equal(await status([{ n: 2 }]), 200);
    assert.deepEqual(receiver.fieldsOf(), [{ n: 1 }, { n: 2 }]);
    assert.deepEqual(receiver.violations, []);
  },
);

for (
  const [what, body, headers] of [
    ["a body of several lines", '{\n"n":1}', {}],
    ["a body that is no event", "[1]", {}],
    ["truncated JSON", '[{"n":1},{"n":', {}],
    ["a lone surrogate", '[{"n":"\\ud800"}]', {}],
    ["another content type", '{"n":1}', { "content-type": "text/plain" }],
    ["an unknown encoding", '{"n":1}', { "content-encoding": "br" }],
  ] as const
) {
  answerTest(`fake receiver records ${what} as a violation`, async (receiver, post) => {
    const response = await post(body, headers);
    assert.equal(response.status, 400);
    assert.equal(receiver.violations.length, 1);
    assert.equal(receiver.events.length, 0);
  });
}

answerTest(
  "refuse() and accept() take the receiver away and bring it back on its port",
  async (receiver, post) => {
    const { port } = receiver;
    await post({ n: 1 });
    await receiver.refuse();
    await assert.rejects(post({ n: 2 }));
    await receiver.accept();
    assert.equal(receiver.port, port);
    assert.equal((await post({ n: 3 })).status, 200);
  },
);

answerTest("waitForEvents() says how things stand when time is up", async (receiver, post) => {
  await post({ n: 1 });
  await assert.rejects(receiver.waitForEvents(2, 50), /in vain for 2 events; 1 events came in 1/);
});
