import { asksForHelp } from "../config/start_args.ts";
import { systemClock } from "../core/clock.ts";
import { clockCheck } from "./doctor_clock.ts";
import type { DoctorFacts } from "./doctor_facts.ts";
import { fluentdChecks } from "./doctor_fluentd.ts";
import { exitCodeOfChecks, formatCheck, formatChecksJson, formatSummary } from "./doctor_report.ts";
import { type Check, type CheckResult, runChecks } from "./doctor_run.ts";
import { settingsChecks } from "./doctor_settings.ts";
import { storageChecks } from "./doctor_storage.ts";
import { teleportChecks } from "./doctor_teleport.ts";
import type { CliInput } from "./run_cli.ts";
import { writeOut } from "./terminal.ts";
import { formatVersion } from "./version.ts";

/** The flag that `doctor` has besides those of `start`. */
const JSON_FLAG = "--json";

const HELP = `Usage: teleport-event-handler doctor [--config FILE] [--json] [FLAG...]

Try everything that a start needs, and say of each thing whether it works and what to do if not:
settings, files, credentials, the way to Teleport, the role, the way to Fluentd, storage, position.
Nothing is changed: no event is read away or sent, and no file is left behind.

      --json     Print one JSON object with all checks
  -h, --help     Show this text

All flags, variables and keys of start count; see teleport-event-handler start --help. With --debug
the lines below each check are shown as well.

Exit code: 0 all well, or warnings only; 78 settings or credentials are at fault; 2 the command line
is wrong; 1 something else does not work.
`;

/** Runs `doctor` and returns its exit code. */
export async function runDoctor(input: CliInput): Promise<number> {
  const args = input.args.filter((arg) => arg !== JSON_FLAG);
  const isJson = args.length < input.args.length;
  if (asksForHelp(args)) {
    writeOut(HELP);
    return 0;
  }
  const facts: DoctorFacts = { input: { ...input, args }, clock: systemClock };
  const results: CheckResult[] = [];
  if (!isJson) writeOut(`${formatVersion()}\n\n`);
  for await (const result of runChecks(createChecks(facts), systemClock)) {
    results.push(result);
    if (!isJson) writeOut(formatCheck(result, facts.loaded?.config.debug ?? false));
  }
  const exitCode = exitCodeOfChecks(results, facts.settingsExitCode);
  writeOut(isJson ? formatChecksJson(results, exitCode) : formatSummary(results));
  return exitCode;
}

/** In the order in which a start would meet the things checked. */
function createChecks(facts: DoctorFacts): readonly Check[] {
  return [
    ...settingsChecks(facts),
    ...teleportChecks(facts),
    ...fluentdChecks(facts),
    clockCheck(facts),
    ...storageChecks(facts),
  ];
}
