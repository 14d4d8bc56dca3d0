/** Set-ups that do not work, and the one line in which doctor says so. */
import assert from "node:assert/strict";
import { dirname } from "node:path";
import { KvPositionStore } from "../../src/state/kv_position_store.ts";
import { encodeLogPosition, startOfLog } from "../../src/teleport/log_position.ts";
import { fluentdCertificates, issueTestCertificate } from "../support/certificates.ts";
import { buildEvents } from "../support/events.ts";
import { type FakePeers, type FakePeersOptions, startFakePeers } from "../support/fake_peers.ts";
import { signWithOpenssl } from "../support/openssl.ts";
import { canMount, runDoctorJson, runDoctorOnMount } from "./run_doctor.ts";

/** One way to get it wrong. */
interface BrokenSetup {
  readonly title: string;
  readonly peers?: () => Promise<FakePeersOptions>;
  /** Breaks what has been set up; returns the flags for doctor, and what to undo. */
  readonly break?: (
    peers: FakePeers,
  ) => Promise<readonly string[] | BrokenParts> | readonly string[] | BrokenParts;
  /** The check that fails. */
  readonly check: string;
  readonly finding: RegExp;
  readonly advice?: RegExp;
  readonly code: 1 | 2 | 78;
}

interface BrokenParts {
  readonly flags: readonly string[];
  readonly undo: Disposable | AsyncDisposable;
}

const SETUPS: readonly BrokenSetup[] = [
  {
    title: "an expired identity",
    break: ({ files }) => ["--teleport-identity", files.teleport.identityExpired],
    check: "teleport-credentials",
    finding: /^Certificate for Teleport in '.*identity-expired' expired at \d{4}-/,
    advice: /tctl auth sign/,
    code: 78,
  },
  {
    title: "an identity of another cluster",
    break: ({ files }) => ["--teleport-identity", files.teleport.identityWrongCa],
    check: "teleport-server",
    finding: /^The auth server closed the connection as soon as it saw our certificate$/,
    advice: /^Most likely the identity was signed by another cluster/,
    code: 78,
  },
  {
    title: "an identity that does not trust the server",
    break: ({ files }) => ["--teleport-identity", files.teleport.identityUntrusting],
    check: "teleport-server",
    finding: /^The certificate of the auth server is signed by '.*', and the identity holds only '/,
    advice: /another cluster/,
    code: 78,
  },
  {
    title: "certificate and key for Teleport in each other's place",
    break: async ({ config, files }) => {
      await editSettings(config, /^identity = .*$/m, "");
      const { authorities, clientCertificate, clientKey } = files.teleport;
      return [
        ...["--teleport-cert", clientKey, "--teleport-key", clientCertificate],
        ...["--teleport-ca", authorities],
      ];
    },
    check: "teleport-credentials",
    finding: /^teleport\.cert names a private key, and teleport\.key a certificate$/,
    advice: /Swap/,
    code: 78,
  },
  {
    title: "certificate and key for Fluentd in each other's place",
    break: (
      { files },
    ) => ["--fluentd-cert", files.clientKey, "--fluentd-key", files.clientCertificate],
    check: "fluentd-credentials",
    finding: /^fluentd\.cert names a private key, and fluentd\.key a certificate$/,
    advice: /Swap/,
    code: 78,
  },
  {
    title: "Fluentd's own certificate in place of the client's",
    break: (
      { files },
    ) => ["--fluentd-cert", files.serverCertificate, "--fluentd-key", files.serverKey],
    check: "fluentd-credentials",
    finding: /^Certificate 'localhost' in fluentd\.cert is one for servers$/,
    code: 78,
  },
  {
    title: "the key of another certificate",
    break: ({ files }) => ["--fluentd-key", files.foreignKey],
    check: "fluentd-credentials",
    finding: /^Private key '.*' does not belong to the certificate '.*'$/,
    code: 78,
  },
  {
    title: "a fluentd.ca that did not sign Fluentd's certificate",
    break: ({ files }) => ["--fluentd-ca", files.foreignAuthority],
    check: "fluentd-server",
    finding:
      /^Fluentd's certificate is signed by 'receiver authority', and fluentd\.ca holds only 'foreign/,
    advice: /fluentd\.ca must name/,
    code: 78,
  },
  {
    title: "a Fluentd certificate for another host",
    peers: () =>
      receiverWith({ commonName: "x", usage: "server", dnsNames: ["fluentd.example.com"] }),
    check: "fluentd-server",
    finding: /^Fluentd's certificate is for 'fluentd\.example\.com', not for localhost$/,
    advice: /--dns-names/,
    code: 78,
  },
  {
    title: "an expired Fluentd certificate",
    peers: () =>
      receiverWith({
        ...{ commonName: "localhost", usage: "server", dnsNames: ["localhost"] },
        notBeforeMs: Date.now() - 7_200_000,
        notAfterMs: Date.now() - 3_600_000,
      }),
    check: "fluentd-server",
    finding: /^Fluentd's certificate expired at \d{4}-/,
    advice: /restart Fluentd/,
    code: 78,
  },
  {
    title: "an expired client certificate for Fluentd",
    break: (
      { files },
    ) => ["--fluentd-cert", files.expiredCertificate, "--fluentd-key", files.expiredKey],
    check: "fluentd-credentials",
    finding: /^Client certificate '.*' expired at \d{4}-/,
    code: 78,
  },
  {
    title: "a client certificate that the runtime would end over",
    break: async ({ files }) => {
      const { authority } = await fluentdCertificates();
      const certificate = await signWithOpenssl(authority, {
        folder: dirname(files.clientCertificate),
        key: files.clientKey,
        extensions: "certificatePolicies=critical,1.3.6.1.4.1.99999.1",
      });
      return ["--fluentd-cert", certificate];
    },
    check: "fluentd-credentials",
    finding: /^Cannot use '.*signed\.crt' with '.*': Certificate has an extension .* critical/,
    code: 78,
  },
  {
    title: "a client certificate that Fluentd does not know",
    break: (
      { files },
    ) => ["--fluentd-cert", files.foreignCertificate, "--fluentd-key", files.foreignKey],
    check: "fluentd-answer",
    finding: /^Fluentd closes the connection as soon as it has seen our certificate$/,
    advice: /ca_path/,
    code: 78,
  },
  {
    title: "no client certificate where Fluentd demands one",
    break: async ({ config }) => {
      await editSettings(config, /^(cert|key) = .*$/gm, "");
      return [];
    },
    check: "fluentd-answer",
    finding: /^Fluentd demands a client certificate$/,
    advice: /^Set fluentd\.cert and fluentd\.key$/,
    code: 78,
  },
  {
    title: "a Teleport port on which nobody listens",
    break: () => ["--teleport-addr", `127.0.0.1:${closedPort()}`],
    check: "teleport-server",
    finding: /^Nothing listens on port \d+ of 127\.0\.0\.1$/,
    code: 1,
  },
  {
    title: "a Fluentd port on which nobody listens",
    break: () => ["--fluentd-url", `https://localhost:${closedPort()}/test.log`],
    check: "fluentd-server",
    finding: /^Nothing listens on port \d+ of localhost$/,
    code: 1,
  },
  {
    title: "an unknown host name of Teleport",
    break: () => ["--teleport-addr", "no-such-host.invalid:3025"],
    check: "teleport-server",
    finding: /^Host name 'no-such-host\.invalid' is not known here$/,
    code: 1,
  },
  {
    title: "an unknown host name of Fluentd",
    break: () => ["--fluentd-url", "https://no-such-host.invalid/test.log"],
    check: "fluentd-server",
    finding: /^Host name 'no-such-host\.invalid' is not known here$/,
    code: 1,
  },
  {
    title: "the address of Fluentd in place of Teleport's",
    break: ({ receiver }) => ["--teleport-addr", new URL(receiver.url()).host],
    check: "teleport-server",
    finding: /^Port \d+ of localhost speaks TLS, but is no auth server$/,
    advice: /3025/,
    code: 78,
  },
  {
    title: "a Teleport port that does not speak TLS",
    break: () => {
      const server = plainServer();
      return { flags: ["--teleport-addr", `127.0.0.1:${server.addr.port}`], undo: server };
    },
    check: "teleport-server",
    finding: /^Port \d+ of 127\.0\.0\.1 does not speak TLS$/,
    code: 78,
  },
  {
    title: "an http URL where the port speaks TLS",
    break: async ({ config, receiver }) => {
      await editSettings(config, /^(cert|key) = .*$/gm, "");
      return ["--fluentd-url", receiver.url().replace("https:", "http:")];
    },
    check: "fluentd-server",
    finding: /^fluentd\.url begins with http, and port \d+ speaks TLS$/,
    advice: /^Write https/,
    code: 78,
  },
  {
    title: "an https URL where the port speaks plain HTTP",
    break: () => {
      const server = plainServer();
      return { flags: ["--fluentd-url", `https://localhost:${server.addr.port}/x`], undo: server };
    },
    check: "fluentd-server",
    finding: /^fluentd\.url begins with https, and port \d+ speaks plain HTTP$/,
    advice: /<transport tls>/,
    code: 78,
  },
  {
    title: "a path that the receiver does not know",
    break: ({ receiver }) => {
      receiver.answerNext({ status: 404, body: "no such path" });
      return [];
    },
    check: "fluentd-answer",
    finding:
      /^The receiver refuses: the path of the URL is not known there \(HTTP 404: no such path\)$/,
    advice: /fluentd\.url/,
    code: 78,
  },
  {
    title: "a storage that another process has locked",
    break: async ({ storage }) => {
      await Deno.mkdir(storage, { recursive: true });
      const file = await Deno.open(`${storage}/lock`, { write: true, create: true });
      await file.write(new TextEncoder().encode("4711\n"));
      await file.lock(true);
      return { flags: [], undo: file };
    },
    check: "storage-lock",
    finding: /^'.*' is in use by the handler with pid 4711$/,
    code: 1,
  },
  {
    title: "a start-time other than that of the first run",
    break: async ({ storage }) => {
      await storePosition(storage, Date.UTC(2026, 0, 1));
      return ["--start-time", "2026-01-02T00:00:00Z"];
    },
    check: "state",
    finding:
      /start-time is 2026-01-02T00:00:00.000Z, and the first run fixed 2026-01-01T00:00:00.000Z$/,
    advice: /Remove start-time/,
    code: 78,
  },
  {
    title: "a damaged state file",
    break: async ({ storage }) => {
      await Deno.mkdir(storage, { recursive: true });
      await Deno.writeFile(`${storage}/state.kv`, crypto.getRandomValues(new Uint8Array(8192)));
      return [];
    },
    check: "state",
    finding: /^State file '.*\/storage\/.*\/state\.kv' is damaged or is not a state file/,
    advice: /--cursor/,
    code: 1,
  },
  {
    title: "a storage folder whose place is taken by a file",
    break: async ({ storage }) => {
      await Deno.mkdir(storage.replace(/\/[^/]+$/, ""), { recursive: true });
      await Deno.writeTextFile(storage, "");
      return [];
    },
    check: "storage",
    finding: /^'.*' is a file, and storage needs a folder there$/,
    code: 1,
  },
  {
    title: "a cursor that names no event",
    peers: () =>
      Promise.resolve({ events: buildEvents({ count: 5, startMs: Date.now() - 60_000 }) }),
    break: () => ["--cursor", "no-such-event"],
    check: "state",
    finding: /^Cannot find the event 'no-such-event' of cursor/,
    code: 78,
  },
  {
    title: "a setting that is not valid",
    break: () => ["--batch", "many"],
    check: "settings",
    finding: /^--batch "many": /,
    code: 2,
  },
];

for (const { advice, check, code, finding, title, ...setup } of SETUPS) {
  Deno.test(`doctor names ${title}`, async () => {
    await using peers = await startFakePeers(await setup.peers?.() ?? {});
    await using stack = new AsyncDisposableStack();
    const broken = await setup.break?.(peers) ?? [];
    const flags = "flags" in broken ? broken.flags : broken;
    if ("undo" in broken) stack.use(broken.undo);
    const run = await runDoctorJson(peers.config, flags);
    const failures = run.checks.filter(({ status }) => status === "failed");
    assert.deepEqual(failures.map(({ name }) => name), [check], run.output);
    assert.match(failures[0]!.finding, finding);
    assert.doesNotMatch(failures[0]!.finding, /\n/);
    if (advice !== undefined) assert.match(failures[0]!.advice ?? "", advice);
    assert.equal(run.code, code);
  });
}

for (
  const [title, options, finding] of [
    ["full disk", "size=64k", /^There is no room left for the state in '/],
    ["read-only file system", "ro", /^'.*' is on a file system that is mounted read-only$/],
  ] as const
) {
  Deno.test({
    name: `doctor names a storage on a ${title}`,
    ignore: !canMount(),
    async fn() {
      await using peers = await startFakePeers();
      const folder = `${peers.folder}/storage`;
      await Deno.mkdir(folder);
      const run = await runDoctorOnMount(peers.config, { folder, options });
      assert.match(run.check("storage").finding, finding);
      assert.equal(run.code, 1);
    },
  });
}

function receiverWith(
  server: Parameters<typeof issueTestCertificate>[1],
): Promise<FakePeersOptions> {
  return fluentdCertificates().then(async (certificates) => ({
    receiver: {
      certificates: {
        ...certificates,
        server: await issueTestCertificate(certificates.authority, server),
      },
    },
  }));
}

async function editSettings(config: string, pattern: RegExp, replacement: string): Promise<void> {
  const text = await Deno.readTextFile(config);
  await Deno.writeTextFile(config, text.replace(pattern, replacement));
}

async function storePosition(storage: string, startMs: number): Promise<void> {
  await Deno.mkdir(storage, { recursive: true });
  using store = await KvPositionStore.open(`${storage}/state.kv`, Date.now());
  await store.commit({ streamId: "log", position: encodeLogPosition(startOfLog(startMs)) });
}

function closedPort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

function plainServer(): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, () => new Response());
}
