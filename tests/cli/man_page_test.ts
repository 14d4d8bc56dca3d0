import assert from "node:assert/strict";
import { COMMANDS } from "../../src/cli/command_table.ts";
import { formatManPage } from "../../src/cli/man_page.ts";
import { flagOf } from "../../src/config/setting_names.ts";
import { SETTING_NAMES, settingOf } from "../../src/config/settings.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

/** Lets groff read the page: what it shows, and what it complains of. */
async function readPage(): Promise<{ text: string; warnings: string }> {
  await using folder = await temporaryFolder();
  const path = folder.join("page.1");
  await Deno.writeTextFile(path, formatManPage(COMMANDS));
  const output = await new Deno.Command("groff", {
    args: ["-man", "-Tascii", "-P-cbou", "-ww", "-rLL=200n", path],
  }).output();
  const decoder = new TextDecoder();
  return { text: decoder.decode(output.stdout), warnings: decoder.decode(output.stderr) };
}

Deno.test({
  name: "The manual page is read by groff without a warning, and shows every command and setting",
  ignore: !hasProgram("groff", "--version"),
  async fn() {
    const { text, warnings } = await readPage();
    assert.equal(warnings, "");
    for (const { name } of COMMANDS) {
      assert.match(text, new RegExp(`^ +teleport-event-handler ${name}`, "m"));
    }
    for (const name of SETTING_NAMES) {
      const { doc, ignored } = settingOf(name);
      if (ignored !== undefined) continue;
      if (flagOf(name) !== undefined) assert.match(text, new RegExp(`--${name}\\b`));
      assert.ok(text.replaceAll(/\s+/g, " ").includes(doc), name);
    }
    for (const section of ["NAME", "SYNOPSIS", "SIGNALS", "EXIT STATUS", "EXAMPLES"]) {
      assert.match(text, new RegExp(`^${section}$`, "m"));
    }
  },
});

Deno.test({
  name: "mandoc finds nothing to complain of in the manual page but the missing date",
  ignore: !hasProgram("mandoc", "-O"),
  async fn() {
    await using folder = await temporaryFolder();
    const path = folder.join("page.1");
    await Deno.writeTextFile(path, formatManPage(COMMANDS));
    const { stdout } = await new Deno.Command("mandoc", {
      args: ["-Tlint", "-Wwarning", path],
    }).output();
    const lines = new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "");
    assert.deepEqual(lines.filter((line) => !line.includes("missing date")), []);
  },
});

Deno.test("No line of the manual page begins a request by accident", () => {
  const known = /^\.(TH|SH|SS|TP|PP|RS|RE|nf|fi|br|nh|ad)\b/;
  for (const line of formatManPage(COMMANDS).split("\n")) {
    if (/^[.']/.test(line)) assert.match(line, known);
  }
});

function hasProgram(name: string, flag: string): boolean {
  try {
    new Deno.Command(name, { args: [flag], stdin: "null", stdout: "null", stderr: "null" })
      .outputSync();
    return true;
  } catch {
    return false;
  }
}
