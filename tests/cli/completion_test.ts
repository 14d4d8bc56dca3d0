import assert from "node:assert/strict";
import { formatBashCompletion } from "../../src/cli/bash_completion.ts";
import { COMMANDS } from "../../src/cli/command_table.ts";
import { formatFishCompletion } from "../../src/cli/fish_completion.ts";
import { formatZshCompletion } from "../../src/cli/zsh_completion.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

/** Runs bash with the completion loaded, as an interactive shell would fill in its variables. */
async function complete(words: readonly string[], cwd?: string): Promise<readonly string[]> {
  const script = `${formatBashCompletion(COMMANDS)}
complete -p teleport-event-handler > /dev/null || exit 3
COMP_WORDS=(teleport-event-handler "$@")
COMP_CWORD=$#
_teleport_event_handler
printf '%s\\n' "\${COMPREPLY[@]}"
`;
  const { code, stderr, stdout } = await new Deno.Command("bash", {
    args: ["--norc", "-c", script, "bash", ...words],
    ...(cwd === undefined ? {} : { cwd }),
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  assert.equal(new TextDecoder().decode(stderr), "");
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "");
}

for (
  const [words, expected] of [
    [[""], [...COMMANDS.map(({ name }) => name), "--help", "--version"]],
    [["st"], ["start", "state"]],
    [["start", "--log-"], ["--log-severity", "--log-format", "--log-output"]],
    [["start", "--log-severity", ""], ["debug", "info", "warning", "error"]],
    [["start", "--log-severity", "=", "w"], ["warning"]],
    [["start", "--log-format", "="], ["text", "json"]],
    [["--log-format", "json", "do"], ["doctor"]],
    [["--debug", "s"], ["start", "state"]],
    [["state", ""], ["show", "export", "import", "set-cursor", "reset", "quarantine"]],
    [["export", "--format", ""], ["jsonl", "csv"]],
    [["state", "quarantine", ""], ["list", "show", "replay", "drop"]],
    [["state", "quarantine", "drop", "--y"], ["--yes"]],
    [["start", "--fluentd-url", ""], []],
    [["doctor", "--js"], ["--json"]],
    [["completion", ""], ["bash", "zsh", "fish"]],
    [["configure", "--key-type", "e"], ["ecdsa"]],
    [["man", ""], []],
  ] as const
) {
  Deno.test(`bash completes "${words.join(" ")}" with ${expected.join(", ") || "nothing"}`, async () => {
    assert.deepEqual(await complete(words), expected);
  });
}

Deno.test("bash completes files after --config and -c, and folders for configure", async () => {
  await using folder = await temporaryFolder();
  await Deno.writeTextFile(folder.join("one two.toml"), "");
  await Deno.mkdir(folder.join("one folder"));
  const both = ["one folder", "one two.toml"];
  assert.deepEqual([...await complete(["start", "--config", "one"], folder.path)].sort(), both);
  assert.deepEqual([...await complete(["doctor", "-c", "one"], folder.path)].sort(), both);
  assert.deepEqual(await complete(["configure", "one"], folder.path), ["one folder"]);
  assert.deepEqual(await complete(["start", "--storage", "one"], folder.path), ["one folder"]);
});

for (
  const [shell, format] of [
    ["bash", formatBashCompletion],
    ["zsh", formatZshCompletion],
    ["fish", formatFishCompletion],
  ] as const
) {
  const isThere = hasShell(shell);
  Deno.test(`The completion for ${shell} names every flag of every command`, () => {
    const text = format(COMMANDS);
    for (const command of COMMANDS) {
      for (const { long } of command.flags()) {
        const shown = shell === "fish" ? `-l ${long.slice(2)} ` : long;
        assert.ok(text.includes(shown), `${command.name} ${long}`);
      }
    }
  });

  Deno.test({
    name: `The completion for ${shell} is good ${shell}${isThere ? "" : ` [${shell} not there]`}`,
    ignore: !isThere,
    async fn() {
      await using folder = await temporaryFolder();
      const path = folder.join("completion");
      await Deno.writeTextFile(path, format(COMMANDS));
      const { stderr, success } = await new Deno.Command(shell, { args: ["-n", path] }).output();
      assert.ok(success, new TextDecoder().decode(stderr));
      assert.equal(new TextDecoder().decode(stderr), "");
    },
  });
}

for (
  const [line, expected] of [
    ["st", ["start", "state"]],
    ["start --log-format ", ["json", "text"]],
    ["completion z", ["zsh"]],
    ["doctor --js", ["--json"]],
  ] as const
) {
  Deno.test({
    name: `fish completes "${line}" with ${expected.join(", ")}`,
    ignore: !hasShell("fish"),
    async fn() {
      await using folder = await temporaryFolder();
      const path = folder.join("completion.fish");
      await Deno.writeTextFile(path, formatFishCompletion(COMMANDS));
      const { stdout } = await new Deno.Command("fish", {
        args: ["--no-config", "-c", `source ${path}; complete -C "teleport-event-handler ${line}"`],
      }).output();
      const words = new TextDecoder().decode(stdout).split("\n").filter((word) => word !== "");
      assert.deepEqual(words.map((word) => word.split("\t")[0]).sort(), expected);
    },
  });
}

Deno.test({
  name: "zsh takes the completion for that of the program",
  ignore: !hasShell("zsh"),
  async fn() {
    await using folder = await temporaryFolder();
    await Deno.writeTextFile(
      folder.join("_teleport-event-handler"),
      formatZshCompletion(COMMANDS),
    );
    const script = `fpath=(${folder.path} $fpath); autoload -Uz compinit
compinit -u -D; print $_comps[teleport-event-handler]
source ${folder.path}/_teleport-event-handler; whence -w _teleport-event-handler`;
    const { stderr, stdout } = await new Deno.Command("zsh", { args: ["-f", "-c", script] })
      .output();
    assert.equal(new TextDecoder().decode(stderr), "");
    assert.deepEqual(new TextDecoder().decode(stdout).trim().split("\n"), [
      "_teleport-event-handler",
      "_teleport-event-handler: function",
    ]);
  },
});

function hasShell(name: string): boolean {
  try {
    return new Deno.Command(name, { args: ["-c", "true"] }).outputSync().success;
  } catch {
    return false;
  }
}
