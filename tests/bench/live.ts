/** How long a new event takes from the server to the receiver's answer. */
import type { Authpeer } from "../support/authpeer.ts";
import { startFakeReceiver } from "../support/fake_receiver.ts";
import { startProgram } from "../support/program.ts";
import { writeFluentdFiles } from "../support/certificates.ts";
import { writeSettings } from "../support/settings_file.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

/** The pause between two looks for news, which is no delay of ours. */
const POLL_MS = 100;

/** Delays beyond the poll interval, in milliseconds. */
export interface LiveDelays {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Adds events to the source one at a time and waits for each at the receiver. */
export async function measureLive(source: Authpeer, count: number): Promise<LiveDelays> {
  await using folder = await temporaryFolder();
  await using receiver = await startFakeReceiver({ keepBodies: false });
  const config = await writeSettings({
    folder: folder.path,
    address: source.address,
    identity: source.file("identity"),
    url: (path) => receiver.url(path),
    files: await writeFluentdFiles(folder.path),
    extra: { "start-time": `"${new Date().toISOString()}"` },
  });
  await using program = startProgram({
    args: ["start", "--config", config, "--timeout", `${POLL_MS}ms`],
    withoutCoverage: true,
  });
  await program.waitForLine(/Caught up/);
  const delaysMs: number[] = [];
  for (let n = 0; n < count; n++) {
    const before = receiver.events.length;
    const startMs = performance.now();
    await source.append({ count: 1 });
    await receiver.waitForEvents(before + 1);
    delaysMs.push(Math.max(0, performance.now() - startMs - POLL_MS));
  }
  delaysMs.sort((a, b) => a - b);
  return { p50Ms: percentile(delaysMs, 0.5), p99Ms: percentile(delaysMs, 0.99) };
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}
