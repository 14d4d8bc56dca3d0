import { escapeControls } from "../core/escape_controls.ts";
import { EXIT_CODES } from "../core/fault.ts";
import type { Finding } from "../core/finding.ts";
import type { CheckResult } from "./doctor_run.ts";
import { VERSION } from "./version.ts";

const STATUS_WIDTH = 9;
const SUBJECT_WIDTH = 22;
const STATUSES: readonly Finding["status"][] = ["ok", "warning", "failed", "skipped"];

/** Formats one result: a line, below it what to do, and below that what else is known. */
export function formatCheck(result: CheckResult, isVerbose: boolean): string {
  const { advice, details = [], name, status, subject, text } = result;
  const indent = " ".repeat(STATUS_WIDTH);
  const shown = isVerbose || name === "settings" || status === "failed" ? details : [];
  const lines = [
    `${status.padEnd(STATUS_WIDTH)}${subject.padEnd(SUBJECT_WIDTH)}${oneLine(text)}`,
    ...(advice === undefined ? [] : [`${indent}-> ${oneLine(advice)}`]),
    ...shown.map((detail) => `${indent}   ${oneLine(detail)}`),
  ];
  return lines.join("\n") + "\n";
}

/** Formats the last lines: how many of each, and what that means for a start. */
export function formatSummary(results: readonly CheckResult[]): string {
  const counts = STATUSES.map((status) => [status, countOf(results, status)] as const)
    .filter(([, count]) => count > 0).map(([status, count]) => `${count} ${status}`).join(", ");
  const verdict = countOf(results, "failed") > 0
    ? "A start would not work as things are: begin with the first that failed"
    : "A start has what it needs";
  return `\n${counts}. ${verdict}.\n`;
}

/** Formats all results for a program. */
export function formatChecksJson(results: readonly CheckResult[], exitCode: number): string {
  const json = JSON.stringify(
    {
      version: VERSION,
      ok: exitCode === 0,
      exitCode,
      counts: Object.fromEntries(STATUSES.map((status) => [status, countOf(results, status)])),
      checks: results.map(({ advice, details, fault, name, status, subject, text }) => ({
        name,
        subject,
        status,
        finding: text,
        advice,
        details,
        fault,
      })),
    },
    undefined,
    2,
  );
  // JSON leaves some of what moves a cursor as it is.
  return json.split("\n").map(escapeControls).join("\n") + "\n";
}

/** The worst that was found: a wrong command line before wrong settings before anything else. */
export function exitCodeOfChecks(
  results: readonly CheckResult[],
  settingsExitCode: number | undefined,
): number {
  if (settingsExitCode !== undefined) return settingsExitCode;
  const codes = results.filter(({ status }) => status === "failed")
    .map(({ fault }) => EXIT_CODES[fault ?? "internal"]);
  return codes.includes(EXIT_CODES.config) ? EXIT_CODES.config : codes[0] ?? 0;
}

function countOf(results: readonly CheckResult[], status: Finding["status"]): number {
  return results.filter((result) => result.status === status).length;
}

/** A peer's words may hold anything. */
function oneLine(text: string): string {
  return escapeControls(text.replaceAll(/[\s\p{Cc}]+/gu, " ").trim());
}
