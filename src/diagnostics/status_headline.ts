import type { StatusReport } from "./status_report.ts";
import type { Trouble } from "./run_snapshot.ts";

/** How good or bad something is; each has a colour and a word beside it. */
export type Tone = "good" | "busy" | "warning" | "bad";

/** How the run is, in a few words that change only when that does. */
export interface Headline {
  readonly tone: Tone;
  readonly title: string;
  readonly text: string;
}

/** What a person calls the peers of a run. */
export const PEER_TITLES: { readonly [peer in Trouble["peer"]]: string } = {
  source: "Teleport",
  receiver: "Fluentd",
  state: "Storage",
};

/** Says how the run is: the first thing that holds it up, or else how far it is. */
export function findHeadline(report: StatusReport): Headline {
  const { conditions, isCaughtUp, isDryRun, phase, replica, stalls, troubles } = report;
  if (phase === "stopping") {
    return {
      tone: "busy",
      title: "Stopping",
      text: "The request under way may finish; the next start goes on where this one ends.",
    };
  }
  const inTheWay = troubles.filter(isInTheWay);
  const lasting = inTheWay.find(({ lasting }) => lasting);
  if (lasting !== undefined) {
    return {
      tone: "bad",
      title: `${PEER_TITLES[lasting.peer]} needs attention`,
      text: "Waiting alone will not help: a setting must change. Nothing is lost meanwhile.",
    };
  }
  if (inTheWay[0] !== undefined) {
    return {
      tone: "warning",
      title: `Waiting for ${PEER_TITLES[inTheWay[0].peer]}`,
      text: "It is tried again by itself, and goes on where it stopped. Nothing is lost.",
    };
  }
  if (replica?.role === "joining") {
    return {
      tone: "busy",
      title: "Joining",
      text: "This replica forwards nothing until it has a lease in the store.",
    };
  }
  if (phase === "starting") {
    return { tone: "busy", title: "Starting", text: "Teleport has not answered yet." };
  }
  if (stalls.length > 0) {
    return { tone: "warning", title: "Standing still", text: "Teleport has more, but gives none." };
  }
  if (conditions.some(({ name, problem }) => name === "store" && problem !== undefined)) {
    return {
      tone: "bad",
      title: "Storage needs attention",
      text: "It cannot be stored how far the export got.",
    };
  }
  if (replica?.role === "follower") {
    return {
      tone: "good",
      title: "Following",
      text: "Another replica reads the audit log; this one forwards its part of the rest.",
    };
  }
  const what = isDryRun ? "A dry run: nothing is sent." : undefined;
  return isCaughtUp
    ? { tone: "good", title: "Up to date", text: what ?? "All that Teleport had is delivered." }
    : {
      tone: "busy",
      title: "Catching up",
      text: what ?? "Teleport has more, and it is on its way.",
    };
}

/** A recording that cannot be read waits for its time, and holds nothing else up. */
export function isInTheWay({ peer, streamId }: Trouble): boolean {
  return peer !== "source" || !streamId.startsWith("session/");
}
