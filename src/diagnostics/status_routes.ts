import type { Clock } from "../core/clock.ts";
import type { Route } from "./diagnostics_server.ts";
import { ProgressMeter } from "./progress_meter.ts";
import type { RunSnapshot } from "./run_snapshot.ts";
import { renderStatusPage, STATUS_PAGE_POLICY } from "./status_page.ts";
import { createStatusReport } from "./status_report.ts";

/**
 * Answers `/` with the status page, and `/status.json` with what it shows. How fast a backlog goes
 * down is measured from one question to the next, so that the first answer does not tell it.
 */
export function createStatusRoutes(
  snapshot: () => RunSnapshot,
  clock: Clock,
): { readonly [path: string]: Route } {
  const meter = new ProgressMeter();
  const report = () => {
    const run = snapshot();
    return createStatusReport(run, meter.look(run, clock.monotonicMs()));
  };
  return {
    "/": () =>
      new Response(renderStatusPage(report()), {
        headers: {
          "content-type": "text/html; charset=utf-8",
          "content-security-policy": STATUS_PAGE_POLICY,
        },
      }),
    "/status.json": () =>
      new Response(`${JSON.stringify(report(), undefined, 2)}\n`, {
        headers: { "content-type": "application/json; charset=utf-8" },
      }),
  };
}
