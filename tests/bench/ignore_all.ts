import type { PipelineObserver } from "../../src/pipeline/ports.ts";

/** An observer that nothing interests. */
export const ignoreAll: PipelineObserver = {
  delivered() {},
  filtered() {},
  rejected() {},
  retrying() {},
  stalled() {},
  recovered() {},
  caughtUp() {},
  finished() {},
  parked() {},
  abandoned() {},
};
