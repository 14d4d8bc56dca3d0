/**
 * The demo: a fake Teleport auth server, a fake Fluentd, and the program between them as a process of
 * its own. Run it by scripts/demo.
 */
import { writeFluentdFiles, writeTeleportFiles } from "../support/certificates.ts";
import { type FakeAuthServer, startFakeAuthServer } from "../support/fake_auth_server.ts";
import { type FakeReceiver, startFakeReceiver } from "../support/fake_receiver.ts";
import type { TestProcess } from "../support/process.ts";
import { startProgram } from "../support/program.ts";
import { writeSettings } from "../support/settings_file.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import { follow } from "./follow.ts";
import { Screen } from "./screen.ts";
import { DURING_OUTAGE, type Happening, LIVE, pastEvents, startOfDemo } from "./story.ts";
import { type DemoSummary, summarize } from "./summary.ts";

/** The two servers and the handler. */
interface Stage {
  readonly screen: Screen;
  readonly auth: FakeAuthServer;
  readonly receiver: FakeReceiver;
  readonly handler: TestProcess;
}

/** A first start fetches packages. */
const START_TIMEOUT_MS = 120_000;
const BETWEEN_EVENTS_MS = 600;
const OUTAGE_MS = 1200;

/** Runs the demo and returns its exit code. Rejects when something cannot be done, or `interrupted`. */
export async function runDemo(screen: Screen, interrupted: Promise<never>): Promise<number> {
  await using folder = await temporaryFolder();
  const nowMs = Date.now();

  screen.heading("A cluster, a Fluentd and a handler, all on this machine");
  await using auth = await startFakeAuthServer({ events: pastEvents(nowMs) });
  screen.say("teleport", `auth server at ${auth.address}, ${auth.events.length} events in its log`);
  await using receiver = await startFakeReceiver();
  screen.say("fluentd", `receives at ${receiver.url()}, from who has a certificate`);

  screen.heading("Settings, with certificates made a moment ago");
  const config = await writeSettings({
    folder: folder.path,
    address: auth.address,
    identity: (await writeTeleportFiles(folder.path)).identity,
    url: (path) => receiver.url(path),
    files: await writeFluentdFiles(folder.path),
  });
  screen.row("file", config);
  screen.file(await Deno.readTextFile(config));

  screen.heading("Everything that is in the log");
  const startTime = new Date(startOfDemo(nowMs)).toISOString().replace(".000Z", "Z");
  const args = ["start", "--config", config, "--start-time", startTime];
  screen.command(`scripts/run start --config ${config} \\\n      --start-time ${startTime}`);
  await using handler = startProgram({ args });
  const stage = { screen, auth, receiver, handler };
  const exitCode = await Promise.race([play(stage), interrupted]);

  const summary = summarize({
    log: auth.events,
    received: receiver.fieldsOf("/test.log"),
    requests: receiver.requests.length,
    violations: receiver.violations,
    exitCode,
  });
  return showSummary(screen, summary);
}

/** Lets the events happen and stops the handler; returns its exit code. */
async function play(stage: Stage): Promise<number> {
  const { handler, receiver, screen } = stage;
  using following = follow(stage);
  await arrivalOf(stage, stage.auth.events.length, START_TIMEOUT_MS);
  await handler.waitForLine(/Caught up/);
  await pause(100);

  screen.heading("What happens now");
  for (const happening of LIVE) {
    happen(stage, happening);
    await arrivalOf(stage, stage.auth.events.length);
    await pause(BETWEEN_EVENTS_MS);
  }

  screen.heading("Fluentd goes away for a moment");
  await receiver.refuse();
  happen(stage, DURING_OUTAGE);
  await handler.waitForLine(/Fluentd is not available/);
  await pause(OUTAGE_MS);
  await receiver.accept();
  screen.say("fluentd", "is back");
  await arrivalOf(stage, stage.auth.events.length);
  await handler.waitForLine(/Fluentd is available again/);
  await pause(BETWEEN_EVENTS_MS);

  screen.heading("SIGTERM");
  screen.command(`kill ${handler.pid}`);
  handler.kill("SIGTERM");
  const { code } = await handler.waitForExit();
  following[Symbol.dispose]();
  screen.say("handler", `ended with exit code ${code}`);
  return code;
}

function happen({ auth, screen }: Stage, { what, event }: Happening): void {
  const happened = event(Date.now());
  screen.say("teleport", `→ ${happened.type}: ${what}`);
  auth.append([happened]);
}

/** Waits for events; a handler that has ended will bring none. */
async function arrivalOf(stage: Stage, count: number, timeoutMs?: number): Promise<void> {
  const ended = stage.handler.exit.then(({ code }) => {
    throw new Error(`The handler ended with ${code}, too early`);
  });
  await Promise.race([stage.receiver.waitForEvents(count, timeoutMs), ended]);
}

function showSummary(screen: Screen, summary: DemoSummary): number {
  const { arrived, changed, faults, inLog, orderKept, repeats, requests } = summary;
  screen.heading("Summary");
  screen.row("in the log", `${inLog} events`);
  screen.row("arrived", `${arrived} events in ${requests} requests`);
  screen.row("changed", String(changed));
  screen.row("repeats", String(repeats));
  screen.row("order", orderKept ? "kept" : "not kept");
  for (const fault of faults) screen.row("fault", fault);
  if (faults.length > 0) {
    screen.failure("Not as it must be.");
    return 1;
  }
  screen.success("Every event arrived, unchanged and in the order of the log.");
  return 0;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function createScreen(): Screen {
  const encoder = new TextEncoder();
  const isTerminal = Deno.stdout.isTerminal();
  return new Screen({
    write: (text) => Deno.stdout.writeSync(encoder.encode(text)),
    color: isTerminal && (Deno.env.get("NO_COLOR") ?? "") === "",
    columns: isTerminal ? Deno.consoleSize().columns : undefined,
  });
}

/** Someone pressed Ctrl-C. */
class Interrupted extends Error {
  override readonly name = "Interrupted";
}

/** Rejects at Ctrl-C, so that the demo can clean up behind it. */
function interruption(): Promise<never> {
  return new Promise((_resolve, reject) => {
    Deno.addSignalListener("SIGINT", () => reject(new Interrupted()));
  });
}

if (import.meta.main) {
  const screen = createScreen();
  let exitCode = 1;
  try {
    exitCode = await runDemo(screen, interruption());
  } catch (error) {
    if (error instanceof Interrupted) Deno.exit(130);
    screen.failure(`Not as it must be: ${error instanceof Error ? error.message : error}`);
  }
  Deno.exit(exitCode);
}
