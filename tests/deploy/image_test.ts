import assert from "node:assert/strict";
import { validate } from "dockerfile-utils";
import { parse } from "yaml";
import { setupOptions } from "../setup/setup_options.ts";
import { buildEvents } from "../support/events.ts";
import { findFreePort } from "../support/free_port.ts";
import { type FakePeers, startFakePeers } from "../support/fake_peers.ts";
import { peerTest } from "../support/peer.ts";
import { FLUENT_CONF } from "../../src/setup/fluent_conf.ts";
import { HANDLER_TOML, renderHandlerToml } from "../../src/setup/handler_toml.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary_folder.ts";
import { dockerPath, finalStage, readDockerfile, valueOf, wordsOf } from "./dockerfile.ts";
import { findManifest, parseManifests, readRendered, settingsOf } from "./rendered_chart.ts";
import { ImageRig } from "./image_rig.ts";

const STATE = "/var/lib/teleport-event-handler";
const stage = finalStage(readDockerfile("Dockerfile"));

Deno.test("deploy/docker/Dockerfile.build ends as deploy/docker/Dockerfile does", () => {
  assert.deepEqual(finalStage(readDockerfile("Dockerfile.build")), stage);
});

for (const name of ["Dockerfile", "Dockerfile.build"]) {
  Deno.test(`deploy/docker/${name} passes dockerfile-utils`, async () => {
    const problems = validate(await Deno.readTextFile(dockerPath(name)));
    assert.deepEqual(problems.map(({ message }) => message), []);
  });
}

Deno.test("The image needs no shell, and runs as a user without rights", () => {
  assert.equal(valueOf(stage, "FROM"), "gcr.io/distroless/cc-debian12:nonroot");
  assert.match(valueOf(stage, "USER"), /^[1-9]\d*:[1-9]\d*$/);
  for (const name of ["ENTRYPOINT", "CMD", "HEALTHCHECK"]) {
    assert.ok(wordsOf(stage, name).length > 0, name);
  }
  assert.ok(stage.every(({ name }) => name !== "RUN"));
});

Deno.test("The image's volume belongs to its user, and no base is taken by the tag latest", () => {
  const copies = stage.filter(({ name }) => name === "COPY").map(({ value }) => value);
  const user = valueOf(stage, "USER");
  assert.deepEqual(copies, [
    "--from=layout /image/ /",
    `--from=layout --chown=${user} /state/ /var/lib/`,
  ]);
  assert.deepEqual(JSON.parse(valueOf(stage, "VOLUME")), [STATE]);
  for (const file of ["Dockerfile", "Dockerfile.build"]) {
    const bases = readDockerfile(file).filter(({ name }) => name === "FROM");
    for (const { value } of bases) assert.match(value, /^(--\S+ )?\S+:(?!latest)\S+( AS \w+)?$/);
  }
});

for (
  const [architecture, machine] of [["amd64", "x86_64"], ["arm64", "aarch64"], [
    "riscv64",
    "",
  ]] as const
) {
  const outcome = machine === "" ? "is refused by name" : `gets the executable for ${machine}`;
  Deno.test(`An image for ${architecture} ${outcome}`, async () => {
    await using folder = await temporaryFolder();
    const { code, stderr } = await layOut(folder, architecture);
    if (machine === "") {
      assert.equal(stderr, "There is no executable for riscv64\n");
      return assert.equal(code, 1);
    }
    assert.deepEqual([code, stderr], [0, ""]);
    const program = folder.join("image/usr/local/bin/teleport-event-handler");
    assert.equal(await Deno.readTextFile(program), machine);
    assert.equal((await Deno.stat(program)).mode! & 0o777, 0o755);
    const state = folder.join("state/teleport-event-handler");
    assert.equal((await Deno.stat(state)).mode! & 0o777, 0o700);
  });
}

Deno.test("compose.yml mounts files that configure writes, and grants nothing", async () => {
  const { services } = parse(await Deno.readTextFile(dockerPath("compose.yml")));
  const { fluentd, "teleport-event-handler": handler } = services;
  const mounted = fluentd.volumes.map((volume: string) => volume.split(":")[0]);
  assert.deepEqual(mounted, ["./ca.crt", "./server.crt", "./server.key", `./${FLUENT_CONF}`]);
  assert.deepEqual(handler.volumes, [".:/etc/teleport-event-handler"]);
  assert.equal(
    valueOf(stage, "ENV"),
    `FDFWD_CONFIG=/etc/teleport-event-handler/${HANDLER_TOML}`,
  );
  const [name] = Object.keys(services);
  const text = renderHandlerToml(setupOptions("audit", { dnsNames: [name!] }));
  assert.ok(text.includes(`"https://${name}:8888/events.log"`), text);
  assert.deepEqual([handler.read_only, handler.cap_drop], [true, ["ALL"]]);
  for (const service of [fluentd, handler]) {
    assert.equal(service.restart, "unless-stopped");
    assert.ok(service.user.startsWith("${RUN_AS:?"));
  }
});

Deno.test("deploy/docker has nothing that is not tried", () => {
  const names = [...Deno.readDirSync(dockerPath("."))].map(({ name }) => name).sort();
  assert.deepEqual(names, [
    "Dockerfile",
    "Dockerfile.build",
    "Dockerfile.build.dockerignore",
    "compose.yml",
  ]);
});

const canChangeRoot = Deno.build.os === "linux" && Deno.uid() === 0;
const AS_ROOT = canChangeRoot ? "" : " [needs Linux and root]";

/** Registers a test of what the image runs; it needs root to mount and to change the root folder. */
function imageTest(name: string, fn: (image: ImageRig) => Promise<void>): void {
  const title = `${name}${AS_ROOT}`;
  if (!canChangeRoot) return Deno.test({ name: title, ignore: true, fn() {} });
  peerTest(
    title,
    { needs: ["DENORT_BIN"] },
    async () => await fn(await (image ??= ImageRig.open())),
  );
}

/** Laid out by the first test that asks for it. */
let image: Promise<ImageRig> | undefined;
Deno.test.afterAll(async () => {
  await (await image)?.[Symbol.asyncDispose]();
});

/** Does what the layout stage does, in a folder, with executables that are none. */
async function layOut(folder: TemporaryFolder, architecture: string) {
  await Deno.mkdir(folder.join("executables"));
  for (const machine of ["x86_64", "aarch64"]) {
    const name = `teleport-event-handler-${machine}-unknown-linux-gnu`;
    await Deno.writeTextFile(folder.join(`executables/${name}`), machine);
  }
  const script = valueOf(readDockerfile("Dockerfile"), "RUN")
    .replaceAll(/(?<=[\s"])(?=\/(executables|image|state)\/)/g, folder.path);
  const { code, stderr } = await new Deno.Command("sh", {
    args: ["-euc", script],
    env: { TARGETARCH: architecture },
  }).output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}

async function listNames(folder: string): Promise<readonly string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
}

/** Settings as configure writes them, with relative paths, in a folder of a user's own. */
async function settle(peers: FakePeers, uid: number, storage: string): Promise<number> {
  const port = findFreePort();
  const text = (await Deno.readTextFile(peers.config))
    .replaceAll(`${peers.folder}/`, "")
    .replace('storage = "storage"', `storage = "${storage}"\ndiagnostics-addr = "0.0.0.0:${port}"`);
  await Deno.writeTextFile(peers.config, text);
  for (const name of await listNames(peers.folder)) {
    await Deno.chown(`${peers.folder}/${name}`, uid, uid);
  }
  await Deno.chown(peers.folder, uid, uid);
  return port;
}

imageTest(
  "The image forwards events, keeps its position in the volume, tells its health, and ends in order as process 1, with a read-only root",
  async (image) => {
    const events = buildEvents({ count: 30 });
    await using peers = await startFakePeers({ events });
    const port = await settle(peers, 65532, STATE);
    const mounts = { "/etc/teleport-event-handler": peers.folder };
    const words = [...wordsOf(stage, "ENTRYPOINT"), ...wordsOf(stage, "CMD")];
    await using handler = await image.run({
      mounts,
      args: [...words, "--start-time", "2021-01-01T00:00:00Z"],
    });
    await handler.waitForLine(/Caught up/);
    assert.equal(peers.receiver.events.length, events.length);

    const probe = wordsOf(stage, "HEALTHCHECK");
    for (const args of [probe, [...probe, "--ready"]]) {
      await using check = await image.run({ mounts, args });
      assert.deepEqual(await check.waitForExit(), { code: 0, signal: null });
      assert.match(
        check.stdout.join(),
        new RegExp(`^http://127\\.0\\.0\\.1:${port}/\\w+ says ok$`),
      );
    }
    await image.signal(handler, "SIGTERM");
    assert.deepEqual(await handler.waitForExit(), { code: 0, signal: null });
    const [folder] = await listNames(image.state);
    const { mode, uid } = await Deno.stat(`${image.state}/${folder}/state.kv`);
    assert.deepEqual([uid, mode! & 0o777], [65532, 0o600]);
    assert.deepEqual(handler.stderr.filter((line) => /^(WARN|ERRO)/.test(line)), []);

    await using after = await image.run({ mounts, args: probe });
    assert.equal((await after.waitForExit()).code, 1);
  },
);

imageTest(
  "The image takes the folder of configure at /etc/teleport-event-handler, as the user who owns it",
  async (image) => {
    const events = buildEvents({ count: 5 });
    await using peers = await startFakePeers({ events });
    await settle(peers, 12345, "./storage");
    await using handler = await image.run({
      mounts: { "/etc/teleport-event-handler": peers.folder },
      user: "12345:12345",
      args: [
        ...wordsOf(stage, "ENTRYPOINT"),
        ...["start", "--config", "/etc/teleport-event-handler/teleport-event-handler.toml"],
        ...["--start-time", "2021-01-01T00:00:00Z", "--exit-on-last-event"],
      ],
    });
    const { code } = await handler.waitForExit();
    assert.equal(code, 0, handler.stderr.join("\n"));
    assert.equal(peers.receiver.events.length, events.length);
    const [folder] = await listNames(`${peers.folder}/storage`);
    assert.equal((await Deno.stat(`${peers.folder}/storage/${folder}/state.kv`)).uid, 12345);
  },
);

imageTest(
  "The image trusts authorities that SSL_CERT_FILE names, as the chart's tls.existingCASecretName sets it",
  async (image) => {
    const events = buildEvents({ count: 5 });
    await using peers = await startFakePeers({ events });
    await settle(peers, 12345, "./storage");
    const text = await Deno.readTextFile(peers.config);
    const [line, authority] = /^ca = "(.*)"\n/m.exec(text)!;
    await Deno.writeTextFile(peers.config, text.replace(line, ""));
    const mounts = { "/etc/teleport-event-handler": peers.folder };
    const trust = {
      DENO_TLS_CA_STORE: "mozilla,system",
      SSL_CERT_FILE: `/etc/teleport-event-handler/${authority}`,
    };
    const args = [
      ...wordsOf(stage, "ENTRYPOINT"),
      ...["start", "--start-time", "2021-01-01T00:00:00Z", "--exit-on-last-event", "--fail-fast"],
    ];
    for (const [env, code] of [[{}, 1], [trust, 0]] as const) {
      await using handler = await image.run({ mounts, user: "12345:12345", args, env });
      assert.equal((await handler.waitForExit()).code, code, handler.stderr.join("\n"));
    }
    assert.equal(peers.receiver.events.length, events.length);
  },
);

imageTest(
  "What the chart runs forwards events: with its mounts, its user, its command and its probes",
  async (image) => {
    const manifests = parseManifests(readRendered("least"));
    const { containers: [container], securityContext, volumes } =
      findManifest(manifests, "Deployment").spec.template.spec;
    const events = buildEvents({ count: 5 });
    await using peers = await startFakePeers({ events });
    await using folder = await temporaryFolder();
    await Deno.chmod(folder.path, 0o755);
    const port = findFreePort();
    const { authority, clientCertificate, clientKey, teleport } = peers.files;
    const contents: Readonly<Record<string, Readonly<Record<string, string>>>> = {
      settings: {
        "teleport-event-handler.toml": settingsOf(manifests)
          .replace("teleport.example.com:443", peers.auth.address)
          .replace("https://fluentd.logging.svc:8888/events.log", peers.receiver.url("/events.log"))
          .replace("https://fluentd.logging.svc:8888/session", peers.receiver.url("/session"))
          .replace(":3000", `:${port}`),
      },
      "teleport-identity": { auth_id: await Deno.readTextFile(teleport.identity) },
      "fluentd-certificate": {
        "ca.crt": await Deno.readTextFile(authority),
        "client.crt": await Deno.readTextFile(clientCertificate),
        "client.key": await Deno.readTextFile(clientKey),
      },
      storage: {},
    };
    const { fsGroup, runAsGroup, runAsUser } = securityContext;
    const mounts: Record<string, string> = {};
    for (const { mountPath, name } of container.volumeMounts) {
      const { secret } = volumes.find((volume: { name: string }) => volume.name === name);
      mounts[mountPath] = folder.join(name);
      await mountAsKubelet(folder.join(name), contents[name]!, {
        group: fsGroup,
        mode: secret?.defaultMode ?? 0o644,
      });
    }
    await using handler = await image.run({
      mounts,
      user: `${runAsUser}:${runAsGroup}`,
      args: [
        ...wordsOf(stage, "ENTRYPOINT"),
        ...container.args,
        "--start-time",
        "2021-01-01T00:00:00Z",
      ],
    });
    await handler.waitForLine(/Caught up/);
    assert.equal(peers.receiver.events.length, events.length);
    for (const probe of ["startupProbe", "livenessProbe", "readinessProbe"]) {
      const response = await fetch(`http://127.0.0.1:${port}${container[probe].httpGet.path}`);
      assert.deepEqual([response.status, await response.text()], [200, "ok\n"], probe);
    }
    assert.deepEqual(handler.stderr.filter((line) => /^(WARN|ERRO)/.test(line)), []);
    await image.signal(handler, "SIGTERM");
    assert.equal((await handler.waitForExit()).code, 0);
  },
);

/** Writes files as the kubelet does: links to a folder that is replaced as a whole, owned by root. */
async function mountAsKubelet(
  folder: string,
  files: Readonly<Record<string, string>>,
  { group, mode }: { readonly group: number; readonly mode: number },
): Promise<void> {
  await Deno.mkdir(`${folder}/..2026_01_01`, { recursive: true });
  await link("..2026_01_01", `${folder}/..data`);
  for (const [name, text] of Object.entries(files)) {
    const path = `${folder}/..data/${name}`;
    await Deno.writeTextFile(path, text);
    await Deno.chmod(path, mode);
    await Deno.chown(path, 0, group);
    await link(`..data/${name}`, `${folder}/${name}`);
  }
  await Deno.chown(folder, 0, group);
  await Deno.chmod(folder, 0o2775);
}

/** Deno lets nobody make links whose writing is limited to a folder. */
async function link(target: string, path: string): Promise<void> {
  const { code } = await new Deno.Command("ln", { args: ["-s", target, path] }).output();
  assert.equal(code, 0);
}
