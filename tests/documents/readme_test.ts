import assert from "node:assert/strict";
import { loadConfig } from "../../src/config/load_config.ts";
import { renderFluentSource } from "../../src/setup/fluent_source.ts";
import { renderRole } from "../../src/setup/role_file.ts";
import { readDocuments } from "./documents.ts";

const README = (await readDocuments()).find(({ path }) => path === "README.md")!;

Deno.test("README.md shows settings that load without a problem or a warning", async () => {
  const settings = README.fences.find(({ info }) => info === "toml")!.text;
  const loaded = await loadConfig({
    args: ["--config", "teleport-event-handler.toml"],
    env: {},
    files: {
      readText: () => Promise.resolve(settings),
      inspect: (path) => Promise.resolve(path === "./storage" ? "missing" : "file"),
    },
  });
  assert.ok(loaded.ok, JSON.stringify(loaded));
  assert.deepEqual(loaded.warnings, []);
  assert.equal(loaded.config.fluentdUrl, "https://localhost:8888/events.log");
});

Deno.test("README.md shows the role that configure writes", () => {
  const role = README.fences.find(({ info }) => info === "yaml")!.text;
  // `deno fmt` has its own opinion of quotes in YAML.
  assert.equal(role.replaceAll('"', "'"), renderRole({ autoLock: false }));
});

Deno.test("README.md shows the source that configure writes for Fluentd", () => {
  const written = renderFluentSource({
    names: { ca: "ca", server: "server", client: "client" },
    passphrase: "the one that configure made",
  });
  const withoutComments = written.replaceAll(/^ *#.*\n/gm, "");
  assert.ok(README.text.includes(withoutComments), withoutComments);
});
