import { RunStatus } from "../../src/diagnostics/run_status.ts";
import type { RunFacts } from "../../src/diagnostics/run_snapshot.ts";
import type { AuditEvent } from "../../src/core/event.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { makeEvent } from "../support/pipeline_ports.ts";

/** The facts of a run that never was. */
export const FACTS: RunFacts = {
  version: "1.2.3",
  teleport: "auth.example.com:3025",
  logUrl: "https://fluentd.example.com/test.log",
  sessionUrl: "https://fluentd.example.com/session",
  storage: "/var/lib/handler/auth.example.com_3025",
  isDryRun: false,
};

/** Pause between two looks of this run. */
export const POLL_MS = 5000;

/** An account on a clock that stands still; its server has the same time. */
export function startRun() {
  const clock = new FakeClock();
  const status = new RunStatus({ clock, facts: FACTS, pollMs: POLL_MS });
  return { clock, status, serverMs: clock.nowMs() };
}

/** An event of a time. */
export function eventAt(timeMs: number, id = `e${timeMs}`): AuditEvent {
  return { ...makeEvent(id), timeMs };
}
