/** Shows what the demo's programs do while they do it. */
import type { FakeReceiver } from "../support/fake_receiver.ts";
import type { TestProcess } from "../support/process.ts";
import type { Screen } from "./screen.ts";

/** What is shown, and where. */
export interface FollowOptions {
  readonly screen: Screen;
  readonly receiver: FakeReceiver;
  readonly handler: TestProcess;
}

const LOOK_EVERY_MS = 20;
/** Older events than this were in the log when the demo began. */
const FRESH_MS = 60_000;

/** Shows arrivals at the receiver and log lines of the handler until it is disposed of. */
export function follow(options: FollowOptions): Disposable {
  const { handler, receiver, screen } = options;
  let arrivals = 0;
  let lines = 0;
  const look = () => {
    // Arrivals first: the handler speaks of an event when it knows of its arrival.
    for (; arrivals < receiver.events.length; arrivals++) {
      screen.say("fluentd", describeArrival(receiver, arrivals));
    }
    for (; lines < handler.stderr.length; lines++) screen.say("handler", handler.stderr[lines]!);
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      look();
    },
  };
}

function describeArrival(receiver: FakeReceiver, index: number): string {
  const { fields, request } = receiver.events[index]!;
  const atMs = performance.timeOrigin + receiver.requests[request]!.atMs;
  const ageMs = Math.round(atMs - Date.parse(String(fields["time"])));
  const age = ageMs < FRESH_MS ? `  ${ageMs} ms old` : "";
  return [
    `← request ${request + 1}`.padEnd(12),
    String(fields["time"]).replace("T", " "),
    String(fields["event"]).padEnd(16),
    `${fields["user"]}`,
  ].join("  ") + age;
}
