import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import manifest from "../../deno.json" with { type: "json" };
import { startAuthpeer } from "../support/authpeer.ts";
import {
  type CompiledProgram,
  compileProgram,
  CONFINED_USER,
  findConfinementObstacle,
  readSystemCalls,
  startConfined,
} from "../support/compiled_program.ts";
import { DiagnosticsClient } from "../support/diagnostics_client.ts";
import { FileServer } from "../support/file_server.ts";
import { startFluentd } from "../support/fluentd.ts";
import { judge } from "../support/judge.ts";
import { peerPath, peerTest } from "../support/peer.ts";
import { TestProcess } from "../support/process.ts";
import { storageFolder, writeSettings } from "../support/settings_file.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const COMPILE = `${ROOT}scripts/compile`;
const FOLDER = await temporaryFolder();
Deno.test.afterAll(async () => {
  await FOLDER[Symbol.asyncDispose]();
});

let program: Promise<CompiledProgram> | undefined;

/** The executable, made by the first test that asks for it. */
function compiled(): Promise<CompiledProgram> {
  return program ??= (async () => {
    await Deno.chmod(FOLDER.path, 0o755);
    return await compileProgram(FOLDER.join("dist"));
  })();
}

/** Runs the executable where there is nothing: no variables, an empty folder, no network. */
async function run(...args: readonly string[]) {
  const { path } = await compiled();
  await using folder = await temporaryFolder();
  const offLine = Deno.uid() === 0 ? ["unshare", "--net"] : ["env"];
  const [command = "", ...rest] = [...offLine, path, ...args];
  await using process = new TestProcess({
    command,
    args: rest,
    cwd: folder.path,
    clearEnv: true,
    env: { PATH: "/usr/bin:/bin" },
    secrets: [],
  });
  const { code } = await process.waitForExit();
  return {
    code,
    stdout: process.stdout.join("\n"),
    stderr: process.stderr.join("\n"),
    names: await listNames(folder.path),
  };
}

peerTest("scripts/compile makes an executable of a few MB more than its base", {
  needs: ["DENORT_BIN"],
}, async () => {
  const { folder, path } = await compiled();
  const { size } = await Deno.stat(path);
  const base = await Deno.stat(peerPath("DENORT_BIN"));
  assert.ok(size > base.size && size < base.size + 4e6, `${(size - base.size) / 1e6} MB more`);
  assert.deepEqual(await listNames(folder), [
    "SHA256SUMS",
    "THIRD-PARTY-LICENSES",
    `teleport-event-handler-${Deno.build.target}`,
    "teleport-event-handler.cdx.json",
  ]);
});

peerTest("scripts/compile gives the same bytes again, and their checksum", {
  needs: ["DENORT_BIN"],
}, async () => {
  const first = await compiled();
  await using folder = await temporaryFolder();
  await compileProgram("elsewhere", folder.path);
  const sums = await Deno.readTextFile(`${first.folder}/SHA256SUMS`);
  assert.match(sums, /^[0-9a-f]{64} {2}teleport-event-handler-[\w-]+\n$/);
  assert.equal(await Deno.readTextFile(folder.join("elsewhere", "SHA256SUMS")), sums);
  const check = await new Deno.Command("sha256sum", {
    args: ["-c", "SHA256SUMS"],
    cwd: first.folder,
  })
    .output();
  assert.equal(check.code, 0);
});

peerTest("scripts/compile writes down what is in the executable, with every licence", {
  needs: ["DENORT_BIN"],
}, async () => {
  const { folder } = await compiled();
  const bill = JSON.parse(await Deno.readTextFile(`${folder}/teleport-event-handler.cdx.json`));
  const licences = await Deno.readTextFile(`${folder}/THIRD-PARTY-LICENSES`);
  const names = bill.components.map(({ name }: { name: string }) => name);
  assert.equal(bill.metadata.component.version, manifest.version);
  assert.ok(names.includes("deno") && names.includes("@connectrpc/connect-node"), names.join());
  for (const name of ["s3rver", "axe-core", "fast-check", "@bufbuild/buf"]) {
    assert.ok(!names.includes(name), `${name} is for development, and in the executable`);
  }
  for (const { licenses, name, version } of bill.components) {
    assert.ok(licenses?.length > 0, `${name} has no licence`);
    if (name === "deno") continue;
    const [, text = ""] = licences.split(`\n${name} ${version} (`);
    assert.match(text.slice(0, 3000), /copyright|licen[cs]e/i, `The licence of ${name} is missing`);
  }
});

for (
  const [what, args, env, expected] of [
    ["a target that does not exist", ["--target", "vax"], {}, /There is no target 'vax'/],
    ["a base of another machine", ["--target", "aarch64-apple-darwin"], {
      DENORT_BIN: "/bin/sh",
    }, /base DENORT_BIN=\/bin\/sh is for \S+-linux-gnu, not aarch64-apple-darwin/],
    ["a base that is not there", [], { DENORT_BIN: "/none" }, /DENORT_BIN=\/none cannot be read/],
    ["one base for many targets", ["--target", "all"], { DENORT_BIN: "/bin/sh" }, /several/],
    ["a time that is none", [], { SOURCE_DATE_EPOCH: "now" }, /SOURCE_DATE_EPOCH .* 'now'/],
  ] as const
) {
  Deno.test(`scripts/compile refuses ${what}, and leaves nothing behind`, async () => {
    await using folder = await temporaryFolder();
    const { code, stderr } = await new Deno.Command(COMPILE, {
      args: ["--out-dir", folder.path, ...args],
      env,
    }).output();
    const words = new TextDecoder().decode(stderr);
    assert.ok(code === 1 || code === 2, `It ended with ${code}`);
    assert.match(words, expected);
    assert.doesNotMatch(words, /\n\s+at |backtrace/);
    assert.deepEqual(await listNames(folder.path), []);
  });
}

peerTest("The executable says what it was made from", { needs: ["DENORT_BIN"] }, async () => {
  const { code, stdout } = await run("version", "--json");
  assert.equal(code, 0);
  const said = JSON.parse(stdout);
  assert.equal(said.version, manifest.version);
  assert.equal(said.deno, Deno.version.deno);
  assert.equal(said.target, Deno.build.target);
  assert.equal(said.builtAt, "2026-01-01T00:00:00.000Z");
  const inGit = (await new Deno.Command("git", { args: ["rev-parse"] }).output()).code === 0;
  if (inGit) assert.match(said.gitRef, /[0-9a-f]{12}(-dirty)?$/);
});

peerTest("The executable configures in an empty folder, without HOME and network", {
  needs: ["DENORT_BIN"],
}, async () => {
  const { code, names, stderr } = await run("configure", ".", "--key-type", "ecdsa");
  assert.equal(code, 0, stderr);
  assert.ok(
    names.includes("client.crt") && names.includes("teleport-event-handler.toml"),
    `${names}`,
  );
});

peerTest("The executable has the permissions of scripts/permissions and asks for none", {
  needs: ["DENORT_BIN"],
}, async () => {
  const { path } = await compiled();
  const bytes = await Deno.readFile(path);
  const text = new TextDecoder("latin1").decode(bytes.subarray(-4_000_000));
  const embedded = JSON.parse(/\{"argv":\[\].*?"vfs_case_sensitivity":"s"\}/.exec(text)![0]);
  const permissions = await Deno.readTextFile(`${ROOT}scripts/permissions`);
  const [, names = ""] = /--allow-env=([\w*,]+)/.exec(permissions)!;
  const { prompt, ...given } = embedded.permissions;
  assert.equal(prompt, false);
  assert.deepEqual(
    Object.fromEntries(
      Object.entries(given).filter(([name, value]) => name.startsWith("allow_") && value !== null),
    ),
    {
      allow_env: names.split(","),
      allow_net: [],
      allow_read: [],
      allow_write: [],
      // Allowed by itself, and taken back by `deny_import`.
      allow_import: given.allow_import,
    },
  );
  assert.deepEqual(given.deny_import, [], "imports from the network are not denied");
  const flags = /--v8-flags=([^"]+)/.exec(permissions)![1]!.split(",");
  assert.deepEqual(embedded.v8_flags.slice(-flags.length), flags);
  assert.deepEqual(embedded.unstable_config.features, manifest.unstable);
  assert.equal(embedded.code_cache_key, null, "It would write a cache to the temporary folder");
  assert.equal(embedded.otel_config.tracing_enabled, false);
  for (const place of [ROOT, `${Deno.env.get("HOME") ?? ROOT}/`, "/npm/registry"]) {
    assert.ok(!text.includes(place), `${place} of this machine is in the executable`);
  }
});

peerTest("A newcomer gets the executable by install.sh, and the command that it shows works", {
  needs: ["DENORT_BIN"],
}, async () => {
  const { folder } = await compiled();
  await using home = await temporaryFolder();
  const release = home.join("files", "download", `v${manifest.version}`);
  await Deno.mkdir(release, { recursive: true });
  // The latest release is the one that it names.
  await Deno.mkdir(home.join("files", "latest", "download"), { recursive: true });
  await Deno.mkdir(home.join("work"));
  const script = 'cp "$1"/* "$2" && "$3/scripts/package" "$2" && ' +
    'cp "$2/SHA256SUMS" "$2/../../latest/download"';
  const packing = await new Deno.Command("sh", {
    args: ["-euc", script, "sh", folder, release, ROOT],
  }).output();
  assert.equal(packing.code, 0, new TextDecoder().decode(packing.stderr));
  await using server = await FileServer.start(home.join("files"));
  await using walk = new TestProcess({
    command: "sh",
    args: [
      "-euc",
      // What it shows behind the last colon is typed as it stands, but for keys that are made sooner.
      'curl -fsSL "$1/download/$2/install.sh" | PREFIX="$HOME/prefix" sh | tee ../said >&2' +
      "\neval \"$(sed -n '$s/.*: //p' ../said) --key-type ecdsa\"",
      "sh",
      server.url,
      `v${manifest.version}`,
    ],
    cwd: home.join("work"),
    clearEnv: true,
    env: {
      HOME: home.path,
      PATH: "/usr/local/bin:/usr/bin:/bin",
      TELEPORT_EVENT_HANDLER_DOWNLOAD_URL: server.url,
    },
  });
  assert.equal((await walk.waitForExit()).code, 0, walk.stderr.join("\n"));
  assert.ok((await listNames(home.join("work"))).includes("teleport-event-handler.toml"));
});

const obstacle = Deno.env.get("CI") === "true" ? undefined : await findConfinementObstacle();

(obstacle === undefined ? peerTest : skipConfined)(
  "The executable forwards as the source does, as a user without rights, where nothing but its storage can be written, and with nobody but its peers",
  { needs: ["AUTHPEER", "DENORT_BIN", "FLUENTD_OLDEST"] },
  async () => {
    const { path } = await compiled();
    await using folder = await temporaryFolder();
    for (const name of ["auth", "fluentd", "storage", "empty"]) await Deno.mkdir(folder.join(name));
    await using authpeer = await startAuthpeer({
      dir: folder.join("auth"),
      flags: { mode: "legacy", events: 3000, days: 10 },
    });
    await using fluentd = await startFluentd({
      executable: peerPath("FLUENTD_OLDEST"),
      folder: folder.join("fluentd"),
    });
    const config = await writeSettings({
      folder: folder.path,
      address: authpeer.address,
      identity: authpeer.file("identity"),
      url: (path) => fluentd.url(path),
      files: fluentd.files,
    });
    await giveAway(folder.path);
    const confinement = {
      program: path,
      args: ["start", "--config", config, "--start-time", "2021-01-01T00:00:00Z"],
      cwd: folder.join("empty"),
      writable: folder.join("storage"),
      trace: folder.join("trace"),
      env: { OTEL_DENO: "true" },
    };

    const diagnostics = new DiagnosticsClient();
    await using first = startConfined({
      ...confinement,
      args: [...confinement.args, ...diagnostics.args],
    });
    await first.waitForLine(/Caught up/);
    const { text } = await diagnostics.get("/metrics");
    assert.match(text, /^teleport_event_handler_\S+ 3000$/m);
    await first.waitForLine(/OTEL_DENO has no effect/);
    Deno.kill(
      await readPid(storageFolder({ folder: folder.path, address: authpeer.address })),
      "SIGTERM",
    );
    assert.deepEqual(await first.waitForExit(), { code: 0, signal: null });

    await authpeer.append({ count: 10 });
    await using second = startConfined({
      ...confinement,
      args: [...confinement.args, "--exit-on-last-event"],
    });
    assert.equal((await second.waitForExit()).code, 0, second.stderr.join("\n"));
    assert.ok(second.stderr.some((line) => line.includes("Resuming")), second.stderr.join("\n"));

    await fluentd.stop();
    const records = await fluentd.readRecords("test.log");
    assert.deepEqual(judge(await authpeer.readEvents(), records), { repeats: 0 });
    const calls = await readSystemCalls(confinement);
    assert.deepEqual(calls.started, []);
    const elsewhere = [...calls.wroteTo].filter((file) =>
      !file.startsWith(`${confinement.writable}/`) && file !== "/dev/null"
    );
    assert.deepEqual(elsewhere, [], "It wrote to places other than its storage");
    const peers = new Set([authpeer.address.split(":")[1], String(fluentd.port)]);
    for (const address of calls.connectedTo) {
      assert.match(address, /^(127\.0\.0\.1|::1):/);
      assert.ok(peers.has(/\d+$/.exec(address)![0]), `${address} is none of its peers`);
    }
  },
);

async function listNames(folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(folder)) names.push(name);
  return names.sort();
}

function skipConfined(name: string): void {
  Deno.test({ name: `${name} [${obstacle}]`, ignore: true, fn() {} });
}

/** The process writes its number into the lock of its storage. */
async function readPid(storage: string): Promise<number> {
  return Number(await Deno.readTextFile(`${storage}/lock`));
}

/** Makes the confined user the owner of all that is in a folder, so that only it can read the keys. */
async function giveAway(path: string): Promise<void> {
  if (Deno.uid() === CONFINED_USER) return;
  await Deno.chown(path, CONFINED_USER, CONFINED_USER);
  if (!(await Deno.stat(path)).isDirectory) return;
  for await (const { name } of Deno.readDir(path)) await giveAway(`${path}/${name}`);
}
