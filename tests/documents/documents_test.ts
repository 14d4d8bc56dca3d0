import assert from "node:assert/strict";
import { ENVIRONMENT_NAMES, flagOf } from "../../src/config/setting_names.ts";
import { COMMANDS } from "../../src/cli/command_table.ts";
import { SETTING_NAMES } from "../../src/config/settings.ts";
import { anchorOf, type Document, listFiles, readDocuments, ROOT } from "./documents.ts";

const DOCUMENTS = await readDocuments();
const SOURCES = await listFiles(["src", "tests", "scripts", "proto"]);

/** Flags of programs other than `start`, as far as documents mention them in a sentence. */
const OTHER_FLAGS: ReadonlySet<string> = new Set([
  "--help",
  "--check", // scripts/docs.ts, scripts/generate
  "--filter", // deno test
  "--quick", // scripts/test
  "--read-only", // denokv, like the next one
  "--sqlite-path",
  "--volume", // docker run, like the next ones
  "--publish",
  "--env",
  "--seeds", // scripts/chaos, like the next ones
  "--print",
  "--soak",
  "--kill-in-a-row",
  "--away",
  "--replicas",
  "--prefix", // install.sh
  "--version", // install.sh
  "--target", // scripts/compile
  "--dns-names", // configure
  "--format", // tctl auth sign
  "--ttl", // tctl auth sign
  "--allow-read", // deno run
  "--allow-write", // deno run
  "--only", // scripts/bench, like the next one
  "--gate",
  "--allow-env", // deno run, like the next ones
  "--allow-all",
  "--cpu-prof",
  "--cpu-prof-dir",
  "--cpu-prof-flamegraph",
  "--cpu-prof-md",
  "--max-semi-space-size",
  "--max-old-space-size",
  "--no-concurrent-sweeping", // V8
]);
/** Lines of code blocks that call other programs. */
const OTHER_PROGRAM =
  /^\s*(?:curl|deno|docker|gh|git|helm|journalctl|jq|kubectl|mkdir|openssl|sha256sum|systemctl|systemd-[a-z]+|tar|tctl|scripts\/(?!run start))\b/;
/** Lines of code blocks that are of the shell, or of tools that every system has. */
const SHELL_LINE = /^(?:#|(?:cd|chmod|chown|cp|export|install|mv|rm|sh|sudo|useradd) |$)/;

for (const document of DOCUMENTS) {
  Deno.test(`${document.path} links to what is there`, async () => {
    for (const link of document.links) {
      if (/^https:\/\//.test(link)) continue;
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? document.path : resolve(document.path, path);
      await Deno.stat(`${ROOT}${target}`).catch(() => assert.fail(`${link} leads nowhere`));
      if (anchor === undefined) continue;
      const headings = [...(await Deno.readTextFile(`${ROOT}${target}`)).matchAll(/^#+ (.*)$/gm)];
      const anchors = headings.map((match) => anchorOf(match[1]!));
      assert.ok(anchors.includes(anchor), `${link}: ${target} has no such heading`);
    }
  });

  Deno.test(`${document.path} names settings that exist`, () => {
    const flags = new Set([
      ...SETTING_NAMES.map(flagOf),
      ...COMMANDS.flatMap((command) => command.flags().map(({ long }) => long)),
    ]);
    for (const [flag] of codeOf(document).matchAll(/(?<![\w-])--[a-z][a-z0-9-]*/g)) {
      assert.ok(flags.has(flag) || OTHER_FLAGS.has(flag), `${flag} is no flag`);
    }
    for (const [name] of document.text.matchAll(/\bFD(?:FW|WR)D_[A-Z_]*[A-Z]/g)) {
      assert.ok(ENVIRONMENT_NAMES.includes(name), `${name} is no environment variable`);
    }
  });

  Deno.test(`${document.path} names files that exist`, async () => {
    for (const span of document.spans) {
      if (/^(src|tests|scripts|docs|proto|deploy|charts)(\/[\w.-]+)+$/.test(span)) {
        await Deno.stat(`${ROOT}${span}`).catch(() => assert.fail(`There is no ${span}`));
      } else if (/^[\w-]+\.ts$/.test(span) && span !== "utils.ts" && span !== "main.ts") {
        assert.ok(SOURCES.some((file) => file.endsWith(`/${span}`)), `There is no ${span}`);
      }
    }
  });

  Deno.test(`${document.path} shows commands that exist`, async () => {
    for (const { info, text } of document.fences) {
      if (info !== "sh") continue;
      for (const line of text.replaceAll(/\\\n/g, " ").split("\n")) {
        const call = line.trim().replace(/^(?:[A-Z_]+=(?:"[^"]*"|[^\s"])+\s+)+/, "");
        if (OTHER_PROGRAM.test(call) || SHELL_LINE.test(call)) continue;
        const [program, command] = call.split(/\s+/);
        if (program!.startsWith("scripts/")) {
          await Deno.stat(`${ROOT}${program}`).catch(() => assert.fail(`There is no ${program}`));
        } else {
          assert.equal(program, "teleport-event-handler", line);
          assert.ok(COMMANDS.some(({ name }) => name === command), line);
        }
      }
    }
  });

  for (const { info, text } of document.fences) {
    if (info !== "sh run") continue;
    Deno.test(`${document.path} shows a command that works: ${text.trim()}`, async () => {
      const { code, stderr } = await new Deno.Command("sh", {
        args: ["-eu", "-c", text],
        cwd: ROOT,
        env: { NO_COLOR: "1" },
      }).output();
      assert.equal(code, 0, new TextDecoder().decode(stderr));
    });
  }
}

Deno.test("README.md begins with commands that exist and can be run", async () => {
  const readme = DOCUMENTS.find((document) => document.path === "README.md")!;
  const commands = readme.fences.find(({ info }) => info === "sh")!.text.trim().split("\n");
  assert.deepEqual(commands, ["scripts/demo", "scripts/test"]);
  for (const command of commands) {
    const { isFile, mode } = await Deno.stat(`${ROOT}${command}`);
    assert.ok(isFile && (mode === null || (mode & 0o111) !== 0), `${command} cannot be run`);
  }
});

Deno.test("Decisions are numbered without gaps, short, and of one form", () => {
  const decisions = DOCUMENTS.filter(({ path }) => path.startsWith("docs/decisions/"));
  assert.ok(decisions.length > 0);
  for (const [i, { path, text }] of decisions.entries()) {
    const number = String(i + 1).padStart(4, "0");
    assert.ok(path.startsWith(`docs/decisions/${number}-`), `${path} is not number ${number}`);
    assert.ok(text.startsWith(`# ${number}. `), `${path} has another number in its title`);
    assert.deepEqual(
      [...text.matchAll(/^## (.*)$/gm)].map((match) => match[1]),
      ["Status", "Context", "Decision", "Consequences"],
      path,
    );
    assert.ok(text.split("\n").length <= 61, `${path} has more than 60 lines`);
  }
});

Deno.test("CONTRIBUTING.md has a reason for every package, and for no other", async () => {
  const contributing = DOCUMENTS.find((document) => document.path === "CONTRIBUTING.md")!;
  const [, section = ""] = /^## Packages\n(.*?)^Looked at and not taken/ms
    .exec(contributing.text) ?? [];
  const firstColumn = [...section.matchAll(/^\| (.*?) +\|/gm)].map((match) => match[1]).join();
  const named = [...firstColumn.matchAll(/`([^`]+)`/g)].map((match) => match[1]);
  const { imports } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  assert.deepEqual(named.sort(), Object.keys(imports).sort());
});

function resolve(from: string, link: string): string {
  return new URL(link, `file:///${from}`).pathname.slice(1);
}

/** Code of a document, without the lines that call other programs. */
function codeOf({ fences, spans }: Document): string {
  const blocks = fences.map(({ text }) =>
    text.replaceAll(/\\\n/g, " ").split("\n").filter((line) => !OTHER_PROGRAM.test(line)).join("\n")
  );
  return [...spans, ...blocks].join("\n");
}
