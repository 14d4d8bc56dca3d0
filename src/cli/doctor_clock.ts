import { type Finding, ok, warning } from "../core/finding.ts";
import { judgeClock } from "../teleport/auth_probe.ts";
import type { DoctorFacts } from "./doctor_facts.ts";
import type { Check } from "./doctor_run.ts";

const TOLERANCE_MS = 60_000;

/** Compares the clock here with what the peers let see of theirs. */
export function clockCheck(facts: DoctorFacts): Check {
  return {
    name: "clock",
    subject: "Clock",
    needs: ["settings"],
    after: ["teleport-role", "fluentd-answer"],
    run: () => checkClock(facts),
  };
}

function checkClock({ clock, newestMs, receiverAheadMs }: DoctorFacts): Finding {
  const shown = new Date(clock.nowMs()).toISOString().replace(/\.\d+Z$/, "Z");
  const wrong = judgeClock(newestMs, clock.nowMs());
  if (wrong !== undefined) return wrong;
  if (receiverAheadMs !== undefined && Math.abs(receiverAheadMs) > TOLERANCE_MS) {
    const seconds = Math.round(Math.abs(receiverAheadMs) / 1000);
    const way = receiverAheadMs > 0 ? "behind" : "ahead of";
    return warning(`The clock here (${shown}) is ${seconds} s ${way} that of the receiver`, {
      advice: "Set both clocks by NTP",
    });
  }
  if (receiverAheadMs !== undefined) return ok(`${shown}, as at the receiver`);
  if (newestMs !== undefined) return ok(`${shown}; no event is of the future`);
  return { status: "skipped", text: `${shown}; there is nothing to compare it with` };
}
