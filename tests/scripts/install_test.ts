import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import manifest from "../../deno.json" with { type: "json" };
import { archiveName, executableName, TARGETS } from "../../scripts/release/targets.ts";
import { readDocuments } from "../documents/documents.ts";
import { FileServer } from "../support/file_server.ts";
import { TestProcess } from "../support/process.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TARGET = TARGETS.find(({ triple }) => triple === Deno.build.target)!;
const VERSION = manifest.version;
const ARCHIVE = archiveName(VERSION, TARGET);
/** Stands for the executable, of which only this is asked here. */
const PROGRAM = `#!/bin/sh\n[ "$1" = version ] && echo "Teleport event handler v${VERSION} test"\n`;
/** All that the installer may need of a system, but for what downloads. */
const TOOLS = "cat chmod cp cut dirname getconf grep gzip head id ldd mkdir mktemp mv rm sed " +
  "sh sha256sum tar uname";

/** A release as GitHub serves it, and a machine to install it on. */
class Rig implements AsyncDisposable {
  readonly server: FileServer;
  readonly folder: string;
  readonly #stack: AsyncDisposableStack;

  constructor(folder: string, parts: { server: FileServer; stack: AsyncDisposableStack }) {
    this.folder = folder;
    this.server = parts.server;
    this.#stack = parts.stack;
  }

  static async start(program = PROGRAM): Promise<Rig> {
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(await temporaryFolder());
    await packRelease(folder.join("files"), program);
    // Links are made by others: for that alone, the tests would need the right to write everywhere.
    await sh(
      `mkdir bin tmp home && for tool in ${TOOLS} curl; do ln -s "$(command -v $tool)" bin; done`,
      { cwd: folder.path },
    );
    const server = stack.use(await FileServer.start(folder.join("files")));
    return new Rig(folder.path, { server, stack: stack.move() });
  }

  get installed(): string {
    return `${this.folder}/prefix/bin/teleport-event-handler`;
  }

  /** Puts a command of our own in the place of one of the system. */
  async replaceTool(name: string, script: string): Promise<void> {
    await this.removeTool(name);
    await Deno.writeTextFile(`${this.folder}/bin/${name}`, `#!/bin/sh\n${script}\n`, {
      mode: 0o755,
    });
  }

  async removeTool(name: string): Promise<void> {
    await Deno.remove(`${this.folder}/bin/${name}`).catch(() => {});
  }

  /** Lets it download with wget. */
  async useWget(): Promise<void> {
    await this.removeTool("curl");
    await sh('ln -s "$(command -v wget)" bin', { cwd: this.folder });
  }

  start(args: readonly string[] = [], env: Record<string, string> = {}): TestProcess {
    return new TestProcess({
      // A group of its own, so that it can be interrupted as by a terminal.
      command: "/usr/bin/setsid",
      args: [`${ROOT}scripts/install.sh`, ...args],
      clearEnv: true,
      env: {
        PATH: `${this.folder}/bin`,
        HOME: `${this.folder}/home`,
        TMPDIR: `${this.folder}/tmp`,
        PREFIX: `${this.folder}/prefix`,
        TELEPORT_EVENT_HANDLER_DOWNLOAD_URL: this.server.url,
        ...env,
      },
    });
  }

  async run(args: readonly string[] = [], env: Record<string, string> = {}) {
    await using process = this.start(args, env);
    const { code } = await process.waitForExit();
    const said = { stdout: process.stdout.join("\n"), stderr: process.stderr.join("\n") };
    return { code, ...said };
  }

  /** What is left in the temporary folder and beside the program. */
  async leftovers(): Promise<string[]> {
    const names: string[] = [];
    for (const folder of ["tmp", "prefix/bin"]) {
      try {
        for await (const { name } of Deno.readDir(`${this.folder}/${folder}`)) names.push(name);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
    return names.filter((name) => name !== "teleport-event-handler");
  }

  /** What the program says that is installed; undefined where there is none. */
  async version(): Promise<string | undefined> {
    try {
      const { stdout } = await new Deno.Command(this.installed, { args: ["version"] }).output();
      return new TextDecoder().decode(stdout).trim();
    } catch {
      return undefined;
    }
  }

  async installOld(): Promise<void> {
    await Deno.mkdir(`${this.folder}/prefix/bin`, { recursive: true });
    await Deno.writeTextFile(this.installed, "#!/bin/sh\necho old\n", { mode: 0o755 });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

const RELEASES = await temporaryFolder();
Deno.test.afterAll(async () => {
  await RELEASES[Symbol.asyncDispose]();
});
const packed = new Map<string, Promise<string>>();

/** Lays out a release of one platform as GitHub does; each one is packed once. */
async function packRelease(folder: string, program: string): Promise<void> {
  if (!packed.has(program)) {
    packed.set(
      program,
      (async () => {
        const release = RELEASES.join(String(packed.size));
        await Deno.mkdir(release);
        await Deno.writeTextFile(`${release}/${executableName(TARGET)}`, program);
        await Deno.writeTextFile(`${release}/THIRD-PARTY-LICENSES`, "theirs\n");
        await sh(`"${ROOT}scripts/package" .`, { cwd: release });
        return release;
      })(),
    );
  }
  await sh(
    `mkdir -p "$1/download" "$1/latest" && cp -r . "$1/download/v${VERSION}" &&
      ln -s "../download/v${VERSION}" "$1/latest/download"`,
    { cwd: await packed.get(program)!, args: [folder] },
  );
}

async function sh(
  script: string,
  { args = [], cwd }: { readonly cwd: string; readonly args?: readonly string[] },
): Promise<void> {
  const { code, stderr } = await new Deno.Command("sh", {
    args: ["-euc", script, "sh", ...args],
    cwd,
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
}

for (const downloader of ["curl", "wget"] as const) {
  Deno.test(`install.sh installs the latest release with ${downloader}, and says what comes next`, async () => {
    await using rig = await Rig.start();
    if (downloader === "wget") await rig.useWget();
    const { code, stderr, stdout } = await rig.run();
    assert.equal(code, 0, stderr);
    assert.equal(await rig.version(), `Teleport event handler v${VERSION} test`);
    assert.equal((await Deno.stat(rig.installed)).mode! & 0o7777, 0o755);
    assert.deepEqual(await rig.leftovers(), []);
    assert.match(stdout, new RegExp(`^Installed: ${rig.installed}\nTeleport event handler v`));
    assert.match(stdout, new RegExp(`export PATH="${rig.folder}/prefix/bin:\\$PATH"`));
    assert.match(stdout, new RegExp(`Next, .*: ${rig.installed} configure \\.$`));
  });

  for (
    const [what, fault, file, expected] of [
      ["a truncated archive", "cut", ARCHIVE, /Cannot download .*tar\.gz/],
      [
        "a tampered archive",
        "tampered",
        ARCHIVE,
        /checksum of .* is wrong, so nothing was installed/,
      ],
      ["a missing archive", "missing", ARCHIVE, /Cannot download .*tar\.gz/],
      ["truncated checksums", "cut", "SHA256SUMS", /Cannot download .*SHA256SUMS/],
      ["missing checksums", "missing", "SHA256SUMS", /Cannot download .*SHA256SUMS/],
    ] as const
  ) {
    Deno.test(`install.sh leaves the program as it was at ${what} (${downloader})`, async () => {
      await using rig = await Rig.start();
      if (downloader === "wget") await rig.useWget();
      await rig.installOld();
      rig.server.faults.set(file, fault);
      const { code, stderr, stdout } = await rig.run();
      assert.equal(code, 1, stdout);
      assert.match(stderr, expected);
      assert.equal(await rig.version(), "old");
      assert.deepEqual(await rig.leftovers(), []);
    });
  }

  Deno.test(`install.sh goes through the proxy of the environment (${downloader})`, async () => {
    await using rig = await Rig.start();
    if (downloader === "wget") await rig.useWget();
    const { code, stderr } = await rig.run([], {
      TELEPORT_EVENT_HANDLER_DOWNLOAD_URL: "http://releases.invalid",
      http_proxy: rig.server.url,
    });
    assert.equal(code, 0, stderr);
    assert.ok(rig.server.requests.every((url) => url.startsWith("http://releases.invalid/")));
  });
}

for (const version of [VERSION, `v${VERSION}`]) {
  Deno.test(`install.sh --version ${version} asks for that release and no other`, async () => {
    await using rig = await Rig.start();
    const { code, stderr } = await rig.run(["--version", version, `--prefix=${rig.folder}/other`]);
    assert.equal(code, 0, stderr);
    await Deno.stat(`${rig.folder}/other/bin/teleport-event-handler`);
    assert.deepEqual(rig.server.requests, [
      `/download/v${VERSION}/SHA256SUMS`,
      `/download/v${VERSION}/${ARCHIVE}`,
    ]);
  });
}

Deno.test("install.sh says which release is not there", async () => {
  await using rig = await Rig.start();
  const { code, stderr } = await rig.run(["--version", "99.0.0"]);
  assert.equal(code, 1);
  assert.match(stderr, /Cannot download \S+\/download\/v99\.0\.0\/SHA256SUMS/);
});

Deno.test("install.sh installs to ~/.local for a user without rights, and says who else has its name", async () => {
  await using rig = await Rig.start();
  await rig.replaceTool("id", "echo 1000");
  await rig.replaceTool("teleport-event-handler", "echo another");
  const { code, stderr, stdout } = await rig.run([], { PREFIX: "" });
  assert.equal(code, 0, stderr);
  await Deno.stat(`${rig.folder}/home/.local/bin/teleport-event-handler`);
  assert.match(stdout, /The PATH finds another one first: \S+\/bin\/teleport-event-handler/);
});

Deno.test("install.sh says short commands to those who have the folder on their PATH", async () => {
  await using rig = await Rig.start();
  const { stdout } = await rig.run([], { PATH: `${rig.folder}/bin:${rig.folder}/prefix/bin` });
  assert.match(stdout, /Next, .*: teleport-event-handler configure \.$/);
  assert.doesNotMatch(stdout, /PATH/);
});

Deno.test("install.sh replaces a program that runs", async () => {
  await using rig = await Rig.start();
  await rig.installOld();
  await Deno.copyFile("/bin/sleep", rig.installed);
  await using running = new TestProcess({ command: rig.installed, args: ["100"] });
  assert.equal((await rig.run()).code, 0);
  assert.equal(await rig.version(), `Teleport event handler v${VERSION} test`);
  assert.equal(running.exited, undefined);
});

Deno.test("install.sh says that it cannot write, before it has taken anything away", async () => {
  await using rig = await Rig.start();
  await Deno.writeTextFile(`${rig.folder}/prefix`, "a file, where a folder would have to be");
  const { code, stderr } = await rig.run();
  assert.equal(code, 1);
  assert.match(stderr, /Cannot write to \S+\/prefix\/bin: choose another folder with --prefix/);
  assert.deepEqual(await Array.fromAsync(Deno.readDir(`${rig.folder}/tmp`)), []);
});

Deno.test("install.sh keeps the old program when the new one does not run here", async () => {
  await using rig = await Rig.start("#!/bin/sh\necho 'version GLIBC_2.27 not found' >&2; exit 1\n");
  await rig.installOld();
  const { code, stderr } = await rig.run();
  assert.equal(code, 1);
  assert.match(stderr, /does not run on this machine, so nothing was installed: .*GLIBC_2\.27/);
  assert.equal(await rig.version(), "old");
  assert.deepEqual(await rig.leftovers(), []);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`install.sh that is stopped by ${signal} leaves nothing behind`, async () => {
    await using rig = await Rig.start();
    await rig.installOld();
    rig.server.faults.set(ARCHIVE, "stall");
    await using process = rig.start();
    await rig.server.stalled.reached;
    await sh(`kill -s ${signal.slice(3)} -- -${process.pid}`, { cwd: rig.folder });
    assert.notEqual((await process.waitForExit()).code, 0);
    assert.equal(await rig.version(), "old");
    assert.deepEqual(await rig.leftovers(), []);
  });
}

for (
  const [what, tools, expected] of [
    ["musl", { getconf: "exit 1", ldd: "echo 'musl libc (x86_64)' >&2; exit 1" }, /needs glibc/],
    [
      "another machine",
      { uname: '[ "$1" = -s ] && echo Linux || echo riscv64' },
      /Linux on riscv64/,
    ],
    ["another system", { uname: '[ "$1" = -s ] && echo SunOS || echo x86_64' }, /SunOS on x86_64/],
    [
      "Windows",
      { uname: '[ "$1" = -s ] && echo MINGW64_NT || echo x86_64' },
      /On Windows, download/,
    ],
    ["no downloader", { curl: undefined }, /Neither curl nor wget/],
    ["nothing to check with", { sha256sum: undefined }, /install sha256sum, shasum or openssl/],
    ["a platform that the release lacks", {
      uname: '[ "$1" = -s ] && echo Darwin || echo arm64',
    }, /has nothing for darwin-arm64/],
  ] as const
) {
  Deno.test(`install.sh says why it cannot go on: ${what}`, async () => {
    await using rig = await Rig.start();
    for (const [name, script] of Object.entries(tools)) {
      if (script === undefined) await rig.removeTool(name);
      else await rig.replaceTool(name, script);
    }
    const { code, stderr } = await rig.run();
    assert.equal(code, 1);
    assert.match(stderr, expected);
    assert.equal(await rig.version(), undefined);
    assert.deepEqual(await rig.leftovers(), []);
  });
}

Deno.test("install.sh does nothing when only a part of it has arrived", async () => {
  await using rig = await Rig.start();
  const script = await Deno.readTextFile(`${ROOT}scripts/install.sh`);
  for (const part of [0.3, 0.6, 0.9, 0.99]) {
    const half = `${rig.folder}/half.sh`;
    await Deno.writeTextFile(half, script.slice(0, script.length * part));
    await new Deno.Command("sh", {
      args: [half],
      env: { TELEPORT_EVENT_HANDLER_DOWNLOAD_URL: rig.server.url },
    }).output();
  }
  assert.deepEqual(rig.server.requests, []);
});

for (const args of [["--prefix"], ["--version"], ["everything"]]) {
  Deno.test(`install.sh refuses ${args.join(" ")} with its usage`, async () => {
    await using rig = await Rig.start();
    const { code, stderr } = await rig.run(args);
    assert.equal(code, 2);
    assert.match(stderr, /^usage: install\.sh \[--version/);
  });
}

Deno.test("Archives have the layout of the official event handler, and are the same each time", async () => {
  await using rig = await Rig.start();
  const folder = `${rig.folder}/files/download/v${VERSION}`;
  const list = await new Deno.Command("tar", {
    args: ["--list", "--verbose", "--numeric-owner", "--file", `${folder}/${ARCHIVE}`],
    env: { LC_ALL: "C" },
  }).output();
  assert.equal(list.code, 0, new TextDecoder().decode(list.stderr));
  const entries = new TextDecoder().decode(list.stdout).trim().split("\n");
  assert.deepEqual(
    entries.map((line) => line.replace(/ +\d+ \d{4}-\S+ \S+ /, " ")),
    [
      "-rwxr-xr-x 0/0 teleport-event-handler/teleport-event-handler",
      "-rw-r--r-- 0/0 teleport-event-handler/README.md",
      "-rw-r--r-- 0/0 teleport-event-handler/VERSION",
      "-rw-r--r-- 0/0 teleport-event-handler/LICENSE",
      "-rw-r--r-- 0/0 teleport-event-handler/THIRD-PARTY-LICENSES",
      "-rwxr-xr-x 0/0 teleport-event-handler/install",
    ],
  );
  const sums = await Deno.readTextFile(`${folder}/SHA256SUMS`);
  const names = sums.trim().split("\n").map((line) => line.slice(66));
  assert.deepEqual(names, [ARCHIVE, executableName(TARGET), "install.sh"].sort());
  await new Deno.Command(`${ROOT}scripts/package`, { args: [folder] }).output();
  assert.equal(await Deno.readTextFile(`${folder}/SHA256SUMS`), sums);
});

Deno.test("Every document names the repository that install.sh downloads from", async () => {
  const script = await Deno.readTextFile(`${ROOT}scripts/install.sh`);
  const [, repository] = /^repository=(\S+)$/m.exec(script)!;
  let count = 0;
  for (const { path, text } of await readDocuments()) {
    for (const [, named] of text.matchAll(/github\.com\/([\w-]+\/teleport-event-handler)\b/g)) {
      assert.equal(named, repository, path);
      count++;
    }
  }
  assert.ok(count >= 3, "the search finds nothing");
});
