import { formatAddress } from "../config/address_text.ts";
import type { HostPort } from "../config/config.ts";
import { exitCodeOf, renderConfigProblems } from "../config/config_problem.ts";
import { readSources } from "../config/read_sources.ts";
import { asksForHelp } from "../config/start_args.ts";
import { Fault } from "../core/fault.ts";
import { askHealth } from "./healthcheck_request.ts";
import type { CliInput } from "./run_cli.ts";
import { settingsSources } from "./settings_sources.ts";
import { writeErr, writeOut } from "./terminal.ts";
import { formatCommandUsage } from "./usage.ts";

/** The flag that `healthcheck` has besides those of the settings. */
const READY_FLAG = "--ready";

const HELP =
  `Ask the handler that runs with the same settings whether it is alive, at its diagnostics-addr.
Made for containers, which need neither a shell nor curl for it.

      --ready    Ask whether events flow, not only whether the process is alive
  -h, --help     Show this text

The address comes from --diagnostics-addr, FDFWD_DIAGNOSTICS_ADDR or the settings file; no other
setting is looked at. 0.0.0.0 and [::] are asked on this machine. No answer within 3 seconds is one.

Exit code: 0 yes; 1 no, or no answer; 2 and 78 the command line or the setting is wrong.`;

/**
 * Runs `healthcheck` and returns its exit code. Settings besides the address are not judged: the flags
 * that the handler was started with need not be repeated.
 *
 * @throws {Fault}
 */
export async function runHealthcheck(input: CliInput): Promise<number> {
  const args = input.args.filter((arg) => arg !== READY_FLAG);
  if (asksForHelp(args)) {
    writeOut(formatCommandUsage("healthcheck", "[--ready] [--config FILE] [FLAG...]", HELP));
    return 0;
  }
  const { argsProblems, resolver } = await readSources(settingsSources({ ...input, args }));
  await resolver.resolve("diagnostics-addr");
  const problems = [...argsProblems, ...resolver.problems];
  if (problems.length > 0) {
    writeErr(renderConfigProblems(problems));
    return exitCodeOf(problems);
  }
  const address = resolver.get("diagnostics-addr") as HostPort | undefined;
  if (address === undefined) {
    throw new Fault("config", "Nobody can be asked: diagnostics-addr is not set", {
      hint: 'Set diagnostics-addr = "127.0.0.1:3000" for the handler and for healthcheck',
    });
  }
  const path = args.length < input.args.length ? "/readyz" : "/livez";
  const reachable = { ...address, host: reachableHost(address.host) };
  const answer = await askHealth(reachable, path);
  const url = `http://${formatAddress(reachable)}${path}`;
  if (answer.status === 200) {
    writeOut(`${url} says ok\n`);
    return 0;
  }
  throw new Fault("unavailable", `${url} says ${answer.status}: ${summarize(answer.text)}`);
}

/** An address that stands for all of a machine is none to connect to everywhere. */
function reachableHost(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return /^[0:]+$/.test(host) ? "::1" : host;
}

/** The conditions that fail, or else what was said. */
function summarize(text: string): string {
  const failing = [...text.matchAll(/^\[-\](.*)$/gm)].map(([, condition]) => condition);
  return failing.length > 0 ? failing.join("; ") : text.trim().replaceAll(/\s+/g, " ");
}
