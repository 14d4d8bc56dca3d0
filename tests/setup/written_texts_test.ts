import assert from "node:assert/strict";
import { systemFiles } from "../../src/config/config_files.ts";
import { loadConfig } from "../../src/config/load_config.ts";
import { renderRole } from "../../src/setup/role_file.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import { runSetup, setupOptions } from "./setup_options.ts";

Deno.test("configure() writes a toml that start loads without a warning or notice", async () => {
  await using folder = await temporaryFolder();
  for (const autoLock of [false, true]) {
    const address = autoLock ? "teleport.example.com:443" : "localhost:3025";
    await runSetup(
      setupOptions(folder.path, { address, isProxy: autoLock, autoLock }),
      { force: true },
    );
    await Deno.writeTextFile(folder.join("identity"), "");
    const loaded = await loadConfig({
      args: ["--config", folder.join("teleport-event-handler.toml")],
      env: {},
      files: systemFiles,
    });
    assert.ok(loaded.ok, JSON.stringify(loaded));
    assert.deepEqual([loaded.warnings, loaded.notices], [[], []]);
    const { config } = loaded;
    assert.equal(`${config.teleportAddr.host}:${config.teleportAddr.port}`, address);
    assert.equal(config.fluentdUrl, "https://localhost:8888/events.log");
    assert.equal(config.fluentdSessionUrl, "https://localhost:8888/session");
    assert.equal(config.fluentdCa, folder.join("ca.crt"));
    assert.equal(config.fluentdCert, folder.join("client.crt"));
    assert.equal(config.fluentdKey, folder.join("client.key"));
    assert.equal(config.teleportIdentity, folder.join("identity"));
    assert.equal(config.storage, folder.join("storage"));
    assert.equal(config.timeoutMs, 10_000);
    assert.equal(config.teleportRefreshEnabled, true);
    assert.equal(config.lockEnabled, autoLock);
  }
});

Deno.test("configure() explains a proxy address in the toml", async () => {
  await using folder = await temporaryFolder();
  await runSetup(setupOptions(folder.path, { address: "a.example.com:443", isProxy: true }));
  const toml = await Deno.readTextFile(folder.join("teleport-event-handler.toml"));
  assert.match(
    toml,
    /# The web address of the Teleport Proxy Service\.[^]*\naddr = "a\.example\.com:443"/,
  );
});

Deno.test("renderRole() allows to read events and sessions, and to lock only when asked to", () => {
  assert.equal(
    renderRole({ autoLock: false }),
    `kind: role
metadata:
  name: teleport-event-handler
spec:
  allow:
    rules:
      - resources: ['event', 'session']
        verbs: ['list', 'read']
version: v5
---
kind: user
metadata:
  name: teleport-event-handler
spec:
  roles: ['teleport-event-handler']
version: v2
`,
  );
  assert.match(
    renderRole({ autoLock: true }),
    /verbs: \['list', 'read'\]\n[^\n]*#[^\n]*\n {6}- resources: \['lock'\]\n {8}verbs: \['create', 'update'\]\nversion: v5\n/,
  );
});

Deno.test("configure() writes Helm values that name the files and secrets of the next steps", async () => {
  await using folder = await temporaryFolder();
  const names = { ca: "my-ca", server: "my-server", client: "my-client" };
  await runSetup(setupOptions(folder.path, { names, address: "t.example.com:443" }));
  const values = await Deno.readTextFile(
    folder.join("teleport-plugin-event-handler-values.yaml"),
  );
  const steps = await Deno.readTextFile(folder.join("NEXT-STEPS.md"));
  for (
    const line of [
      "  storagePath: /var/lib/teleport/plugins/event-handler/storage",
      '  address: "t.example.com:443"',
      "  identitySecretName: teleport-plugin-event-handler-identity",
      "  identitySecretPath: identity",
      '  url: "https://localhost:8888/events.log"',
      '  sessionUrl: "https://localhost:8888/session"',
      "    secretName: teleport-plugin-event-handler-client-tls",
      "    caPath: my-ca.crt",
      "    certPath: my-client.crt",
      "    keyPath: my-client.key",
      "persistentVolumeClaim:\n  enabled: true",
    ]
  ) assert.ok(values.includes(`${line}\n`), line);
  assert.match(
    steps,
    /secret generic teleport-plugin-event-handler-identity --from-file=identity=/,
  );
  assert.match(
    steps,
    /secret generic teleport-plugin-event-handler-client-tls \\\n +--from-file=my-ca\.crt=/,
  );
});

Deno.test("configure() writes next steps whose commands are shell and whose files are there", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await using parent = await temporaryFolder();
  const folder = parent.join("it's a folder");
  await runSetup(setupOptions(folder, {
    isProxy: true,
    destinations: ["panther", "splunk", "elastic", "datadog", "s3"],
  }));
  const steps = await Deno.readTextFile(`${folder}/NEXT-STEPS.md`);
  const blocks = [...steps.matchAll(/```sh\n([^]*?)```/g)].map(([, text]) => text!);
  assert.ok(blocks.length >= 9);
  const made = ["identity", "fluentd-buffer"];
  let checked = 0;
  for (const block of blocks) {
    const words = await shellWords(block, parent.path);
    for (const word of words.flatMap((word) => word.split(/[=:]/))) {
      if (!word.startsWith(folder)) continue;
      if (made.some((name) => word === `${folder}/${name}`)) continue;
      assert.ok((await Deno.stat(word)).isFile, word);
      checked++;
    }
  }
  assert.ok(checked >= 30, `${checked}`);
});

Deno.test("configure() names every word that is to be filled in, in the file and in the next steps", async () => {
  await using folder = await temporaryFolder();
  const destinations = ["panther", "splunk", "elastic", "datadog", "s3"] as const;
  await runSetup(setupOptions(folder.path, { destinations }));
  const steps = await Deno.readTextFile(folder.join("NEXT-STEPS.md"));
  for (const name of destinations) {
    const conf = await Deno.readTextFile(folder.join(`fluent-${name}.conf`));
    const settings = conf.split("\n").filter((line) => !line.startsWith("#")).join("\n");
    const words = new Set(settings.match(/REPLACE_\w+/g));
    assert.ok(words.size >= 2, name);
    for (const word of words) {
      assert.ok(conf.includes(`#   ${word}: `), word);
      assert.ok(steps.includes(`\`${word}\`: `), word);
    }
    assert.match(
      await Deno.readTextFile(folder.join(`Dockerfile.${name}`)),
      /^FROM fluent\/fluentd:[^]*fluent-gem install [^]*\nUSER fluent\n$/m,
    );
  }
});

/** Lets a shell split commands into words, running none of them. */
async function shellWords(commands: string, cwd: string): Promise<string[]> {
  const script = commands.replaceAll("\\\n", " ").split("\n").filter((line) => line !== "")
    .map((line) => `printf '%s\\n' ${line.replace(" < ", " ")}`).join("\n");
  const { code, stderr, stdout } = await new Deno.Command("sh", { args: ["-ec", script], cwd })
    .output();
  const text = new TextDecoder();
  assert.equal(code, 0, `${commands}\n${text.decode(stderr)}`);
  return text.decode(stdout).split("\n");
}
