/** How long the program takes from its start to its first call to Teleport. */
import { startFakePeers } from "../support/fake_peers.ts";
import { startProgram } from "../support/program.ts";

/** The median of so many starts, in milliseconds. */
export async function measureStart(count: number): Promise<number> {
  const timesMs: number[] = [];
  for (let n = 0; n < count; n++) {
    await using peers = await startFakePeers();
    const call = peers.auth.hangNext();
    const startMs = performance.now();
    await using _program = startProgram({
      args: ["start", "--config", peers.config],
      withoutCoverage: true,
    });
    await call.reached;
    timesMs.push(performance.now() - startMs);
  }
  return timesMs.sort((a, b) => a - b)[Math.floor(count / 2)]!;
}
