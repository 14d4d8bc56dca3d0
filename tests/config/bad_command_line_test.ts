import { type RefusedSettings, testRefusals } from "./refused_settings.ts";

const USAGE: readonly RefusedSettings[] = [
  {
    title: "an unknown flag near a known one",
    args: ["--fluentd-utl=x"],
    exitCode: 2,
    lines: ["--fluentd-utl: Unknown flag. Did you mean --fluentd-url?"],
  },
  {
    title: "an unknown flag that is the end of a known one",
    args: ["--identity", "there.pem"],
    exitCode: 2,
    lines: ["--identity: Unknown flag. Did you mean --teleport-identity?"],
  },
  {
    title: "an unknown flag far from all",
    args: ["--quantum-entanglement"],
    exitCode: 2,
    lines: ["--quantum-entanglement: Unknown flag. See start --help."],
  },
  {
    title: "an unknown short flag",
    args: ["-x"],
    exitCode: 2,
    lines: ["-x: Unknown flag. See start --help."],
  },
  {
    title: "two unknown flags",
    args: ["--nope", "--storag", "x"],
    exitCode: 2,
    lines: [
      "--nope: Unknown flag. See start --help.",
      "--storag: Unknown flag. Did you mean --storage?",
    ],
  },
  {
    title: "a negated flag",
    args: ["--no-debug"],
    exitCode: 2,
    lines: ["--no-debug: Unknown flag. Write --debug=false."],
  },
  {
    title: "the passphrase on the command line",
    args: ["--fluentd-key-passphrase", "hunter2"],
    exitCode: 2,
    lines: [
      "--fluentd-key-passphrase: Cannot be given on the command line. Set FDFWD_FLUENTD_KEY_PASSPHRASE, or put it into the settings file.",
    ],
  },
  {
    title: "an argument that is no flag",
    args: ["now"],
    exitCode: 2,
    lines: ['Argument "now": Is not a flag. Every setting has a flag; see start --help.'],
  },
  {
    title: "a value after a flag that takes none",
    args: ["--debug", "false"],
    exitCode: 2,
    lines: ['Argument "false": Is not a flag. Every setting has a flag; see start --help.'],
  },
  {
    title: "a flag without its value at the end",
    args: ["--timeout"],
    exitCode: 2,
    lines: ["--timeout: Needs a value. Write it like --timeout VALUE."],
  },
  {
    title: "a flag without its value before another flag",
    args: ["--timeout", "--debug"],
    exitCode: 2,
    lines: ["--timeout: Needs a value. Write it like --timeout VALUE."],
  },
  {
    title: "a flag with an empty value",
    args: ["--storage="],
    exitCode: 2,
    lines: ['--storage "": Is empty. Give a value, or leave it out.'],
  },
  {
    title: "a bad truth value of a flag",
    args: ["--debug=maybe"],
    exitCode: 2,
    lines: ['--debug "maybe": Neither true nor false. Write true or false.'],
  },
  {
    title: "a settings file that does not exist",
    args: ["-c", "gone.toml"],
    exitCode: 2,
    lines: [
      '--config "gone.toml": No such file. Check the path; a relative one starts at the directory the program is run from.',
    ],
  },
  {
    title: "a settings file that is a directory",
    args: ["--config", "folder"],
    exitCode: 2,
    lines: ['--config "folder": Is a directory, not a file. Give the file inside of it.'],
  },
  {
    title: "a settings file that cannot be read",
    args: ["--config=locked.pem"],
    exitCode: 2,
    lines: [
      '--config "locked.pem": The file cannot be read. Check the permissions of the file.',
    ],
  },
  {
    title: "a mistake on the command line beside one in the environment",
    args: ["--batch=0"],
    env: { FDFWD_TIMEOUT: "soon" },
    exitCode: 2,
    lines: [
      '--batch "0": Is too small. Give a whole number from 1 to 10000.',
      'FDFWD_TIMEOUT="soon": Not a duration: "soon". Write it like 30s, 5m or 1h30m.',
    ],
  },
];

testRefusals(USAGE);
