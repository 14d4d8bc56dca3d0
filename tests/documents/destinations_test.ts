import assert from "node:assert/strict";
import { parse as parseYaml } from "yaml";
import { loadConfig } from "../../src/config/load_config.ts";
import { destinationOf } from "../../src/setup/destination.ts";
import { DESTINATION_NAMES } from "../../src/setup/setup_options.ts";
import { readFolder, runSetup, setupOptions } from "../setup/setup_options.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import { type Document, readDocuments } from "./documents.ts";

const DOCUMENTS = await readDocuments();
const DESTINATIONS = find("docs/destinations.md");
const PANTHER = find("docs/panther.md");
const PANTHER_KO = find("docs/panther.ko.md");

function find(path: string): Document {
  return DOCUMENTS.find((document) => document.path === path)!;
}

function commandsOf({ fences }: Document): string[] {
  return fences.filter(({ info }) => info.startsWith("sh")).map(({ text }) => text);
}

Deno.test("docs/destinations.md has every destination of configure", () => {
  for (const name of DESTINATION_NAMES) {
    assert.ok(DESTINATIONS.spans.some((span) => span.endsWith(`--for ${name}`)), name);
  }
});

Deno.test("docs/destinations.md shows settings that load without a problem or a warning", async () => {
  const texts = DESTINATIONS.fences.filter(({ info }) => info === "toml").map(({ text }) => text);
  assert.equal(texts.length, 3);
  for (const text of texts) {
    // What a block does not speak of comes from elsewhere.
    const rest = ["ca", "cert", "key"].filter((name) => !text.includes(`\n${name} = `))
      .map((name) => [`FDFWD_FLUENTD_${name.toUpperCase()}`, `${name}.pem`]);
    const loaded = await loadConfig({
      args: ["--config", "settings.toml"],
      env: {
        FDFWD_STORAGE: "./storage",
        FDFWD_TELEPORT_IDENTITY: "identity",
        ...(text.includes("\nurl = ") ? {} : {
          FDFWD_FLUENTD_URL: "https://localhost:8888/events.log",
          FDFWD_FLUENTD_SESSION_URL: "https://localhost:8888/session",
        }),
        ...Object.fromEntries(rest),
      },
      files: {
        readText: () => Promise.resolve(text),
        inspect: (path) => Promise.resolve(path === "./storage" ? "missing" : "file"),
      },
    });
    assert.ok(loaded.ok, JSON.stringify(loaded));
    assert.deepEqual(loaded.warnings, []);
  }
});

Deno.test("docs/destinations.md shows YAML that can be read", () => {
  const texts = DESTINATIONS.fences.filter(({ info }) => info === "yaml").map(({ text }) => text);
  assert.equal(texts.length, 3);
  for (const text of texts) assert.equal(typeof parseYaml(text), "object");
});

Deno.test("docs/panther.md names files that configure writes, words to fill in, and its commands", async () => {
  await using folder = await temporaryFolder();
  await runSetup(setupOptions(folder.path, {
    shownFolder: "",
    workingFolder: folder.path,
    address: "teleport.example.com:443",
    isProxy: true,
    destinations: ["panther"],
  }));
  const files = await readFolder(folder.path);
  const named = [...PANTHER.text.matchAll(/^\| (`.*?`) +\|/gm)].flatMap((match) =>
    match[1]!.replaceAll("`", "").split(", ")
  );
  assert.ok(named.length >= 8);
  for (const name of named) {
    const pattern = new RegExp(`^${name.replaceAll(".", "\\.").replace("*", "(crt|key)")}$`);
    assert.ok(Object.keys(files).some((file) => pattern.test(file)), name);
  }
  for (const [word] of destinationOf("panther").fields) {
    assert.ok(PANTHER.spans.includes(word), word);
  }
  const steps = files["NEXT-STEPS.md"]!;
  const normalize = (text: string) =>
    text.replaceAll(/\\\n\s*/g, "").replaceAll(/["']?\$PWD["']?/g, "$PWD").replaceAll('"', "");
  const [, login, fluentd] = commandsOf(PANTHER);
  for (const line of normalize(`${login}${fluentd}`).trim().split("\n")) {
    assert.ok(normalize(steps).includes(line), `${line}\n\n${normalize(steps)}`);
  }
});

Deno.test("docs/panther.ko.md has the commands, the names and the links of docs/panther.md", () => {
  assert.deepEqual(commandsOf(PANTHER_KO), commandsOf(PANTHER));
  const links = ({ links }: Document) => links.filter((link) => !link.startsWith("panther"));
  assert.deepEqual(links(PANTHER_KO), links(PANTHER));
  assert.deepEqual(new Set(PANTHER_KO.spans), new Set(PANTHER.spans));
  const chapters = ({ text }: Document) => [...text.matchAll(/^## /gm)].length;
  assert.equal(chapters(PANTHER_KO), chapters(PANTHER));
});
