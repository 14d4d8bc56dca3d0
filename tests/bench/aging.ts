/** Whether an event costs as much, and memory is as large, after a long run as at its beginning. */
import { startProgram } from "../support/program.ts";
import { writeSettings } from "../support/settings_file.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import { systemClock } from "../../src/core/clock.ts";
import { Meter, type Usage } from "./meter.ts";
import type { Receiver, Source } from "./rig.ts";
import { findFreePort } from "../support/free_port.ts";

const SAMPLE_MS = 250;

/** What was used when so many events had been sent. */
export interface AgingSample extends Usage {
  readonly events: number;
}

/** How the end of a run compares with its beginning. */
export interface Aging {
  readonly events: number;
  /** CPU for an event in the last fifth of the events by that in the second fifth. */
  readonly cpuRatio: number;
  /** Resident memory in the last tenth of the events less that in the second, medians, in megabytes. */
  readonly rssGrowthMegabytes: number;
  readonly peakRssMegabytes: number;
}

/** Runs the program over everything that the source has, and looks at it as it goes. */
export async function measureAging(
  { authpeer }: Source,
  receiver: Receiver,
  settings: Readonly<Record<string, string>> = {},
): Promise<Aging> {
  await using folder = await temporaryFolder();
  const port = findFreePort();
  const config = await writeSettings({
    folder: folder.path,
    address: authpeer.address,
    identity: authpeer.file("identity"),
    url: (path) => receiver.url(path),
    files: receiver.files,
    extra: {
      "start-time": `"${authpeer.ready.start}"`,
      "diagnostics-addr": `"127.0.0.1:${port}"`,
      ...settings,
    },
  });
  await using program = startProgram({
    args: ["start", "--config", config, "--exit-on-last-event"],
    withoutCoverage: true,
  });
  await using meter = new Meter(program.pid);
  await program.waitForLine(/Diagnostics are served/);
  const url = `http://127.0.0.1:${port}/metrics`;
  const samples: AgingSample[] = [];
  while (program.exited === undefined) {
    const events = await readSentEvents(url).catch(() => undefined);
    if (events === undefined) break;
    samples.push({ events, ...meter.usage });
    await systemClock.sleep(SAMPLE_MS);
  }
  await program.waitForExit();
  return summarize(samples);
}

async function readSentEvents(url: string): Promise<number> {
  const text = await (await fetch(url)).text();
  const lines = text.match(/^teleport_event_handler_events_delivered_total\S* (\d+)$/gm) ?? [];
  return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

function summarize(samples: readonly AgingSample[]): Aging {
  const last = samples.at(-1)!;
  const at = (share: number) => samples.find(({ events }) => events >= last.events * share)!;
  const cost = (from: AgingSample, to: AgingSample) =>
    (to.cpuSeconds - from.cpuSeconds) / (to.events - from.events);
  const rss = (from: number, to: number) => {
    const within = samples.filter(({ events }) =>
      events >= last.events * from && events <= last.events * to
    );
    const sorted = within.map(({ rssMegabytes }) => rssMegabytes).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)]!;
  };
  return {
    events: last.events,
    cpuRatio: cost(at(0.8), last) / cost(at(0.2), at(0.4)),
    rssGrowthMegabytes: rss(0.9, 1) - rss(0.1, 0.2),
    peakRssMegabytes: last.peakRssMegabytes,
  };
}
