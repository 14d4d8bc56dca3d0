import type { PipelineObserver } from "./ports.ts";

/** One observer that tells several, in their order. */
export function observeAll(observers: readonly PipelineObserver[]): PipelineObserver {
  return {
    delivered(streamId, events, backlog) {
      for (const observer of observers) observer.delivered(streamId, events, backlog);
    },
    filtered(streamId, count) {
      for (const observer of observers) observer.filtered(streamId, count);
    },
    rejected(rejected) {
      for (const observer of observers) observer.rejected(rejected);
    },
    retrying(retry) {
      for (const observer of observers) observer.retrying(retry);
    },
    stalled(streamId, reason) {
      for (const observer of observers) observer.stalled(streamId, reason);
    },
    recovered(streamId, peer, attempts) {
      for (const observer of observers) observer.recovered(streamId, peer, attempts);
    },
    caughtUp(streamId) {
      for (const observer of observers) observer.caughtUp(streamId);
    },
    finished(streamId) {
      for (const observer of observers) observer.finished(streamId);
    },
    parked(parked) {
      for (const observer of observers) observer.parked(parked);
    },
    abandoned(streamId, reason) {
      for (const observer of observers) observer.abandoned(streamId, reason);
    },
  };
}
