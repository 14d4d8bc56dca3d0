import { systemFiles } from "../config/config_files.ts";
import type { Config } from "../config/config.ts";
import { Backoff } from "../core/backoff.ts";
import { type Clock, systemClock } from "../core/clock.ts";
import type { Delivery } from "../core/delivery.ts";
import { escapeControls } from "../core/escape_controls.ts";
import { type AuditEvent, inOwnMemory } from "../core/event.ts";
import { Fault } from "../core/fault.ts";
import { isSessionId } from "../core/session_id.ts";
import { readReceiverTls } from "../fluentd/credentials.ts";
import { formatSessionUrl } from "../fluentd/session_url.ts";
import type { Sink } from "../pipeline/ports.ts";
import type { QuarantineEntries } from "../state/quarantine_entries.ts";
import type { QuarantineContent, QuarantineEntry } from "../state/quarantine_line.ts";
import { createSinks } from "./create_sinks.ts";
import { receiverTlsPathsOf } from "./credential_paths.ts";
import { openQuarantine } from "./open_quarantine.ts";
import { lockQuarantine, namedEntries } from "./state_drop.ts";
import { describeEntry, findEntries } from "./state_entries.ts";
import type { StateContext } from "./state_table.ts";
import { abortAfterStop, listenForStop } from "./stop_signals.ts";
import { writeOut } from "./terminal.ts";

/** Times that an event is sent before the receiver counts as away. */
const MAX_ATTEMPTS = 5;
const MAX_PAUSE_MS = 30_000;
/** Events in a row that failed by a server error: then no event is to blame. */
const MAX_FAILURES = 3;
/** Time for the request under way after a signal. */
const SHUTDOWN_GRACE_MS = 5000;

/** What became of the entries. */
interface Totals {
  sent: number;
  refused: number;
  unsendable: number;
}

/**
 * `state quarantine replay`: sends entries again, in order, one a request, to where `start` would send
 * them. What the receiver takes is taken out; all else stays. A crash may repeat events and loses none.
 *
 * @throws {Fault} when the receiver is away or takes nothing; what it took before is taken out.
 */
export async function replayEntries(context: StateContext): Promise<number> {
  const { config } = context;
  using quarantine = await openQuarantine(context);
  const named = namedEntries(context);
  if ((await quarantine.measure()).count === 0 && named === "all") {
    writeOut("The quarantine is empty: nothing to send\n");
    return 0;
  }
  const isMeant = await findEntries(quarantine, named);
  if (config.dryRun) {
    await showReplay(quarantine, isMeant, config);
    return 0;
  }
  const tlsPaths = await receiverTlsPathsOf(config, systemFiles);
  const receiverTls = await readReceiverTls(tlsPaths, systemClock.nowMs());
  using _lock = await lockQuarantine(context);
  using cleanup = new DisposableStack();
  using signals = listenForStop();
  const { stop } = signals;
  const abort = abortAfterStop(signals, SHUTDOWN_GRACE_MS, systemClock.sleep);
  const { sinkFor } = createSinks(
    { clock: systemClock, config, logger: SILENT, network: context.network, receiverTls },
    cleanup,
  );
  const replay = new Replay({ config, sinkFor, stop, abort, clock: systemClock });
  try {
    await quarantine.takeOut(
      (entry) => !stop.aborted && isMeant(entry),
      (entry) => replay.send(entry),
    );
  } finally {
    writeOut(formatTotals(replay.totals));
  }
  if (stop.aborted) writeOut("Stopped; what was not sent is still in the quarantine\n");
  const { refused, unsendable } = replay.totals;
  return refused === 0 && unsendable === 0 && !stop.aborted ? 0 : 1;
}

/** Says what would be sent, and names what cannot be. */
async function showReplay(
  quarantine: QuarantineEntries,
  isMeant: (entry: QuarantineEntry) => boolean,
  config: Config,
): Promise<void> {
  let [sendable, unsendable] = [0, 0];
  for await (const entry of quarantine.read()) {
    if (!isMeant(entry)) continue;
    const found = toSendable(entry, config);
    if (typeof found === "string") {
      unsendable++;
      tellUnsendable(entry, found);
    } else {
      sendable++;
    }
  }
  const rest = unsendable === 0 ? "" : `, that cannot be: ${unsendable}`;
  writeOut(`Dry run: nothing was sent; entries that would be: ${sendable}${rest}\n`);
}

interface ReplayOptions {
  readonly config: Config;
  readonly sinkFor: (url: string) => Sink;
  readonly stop: AbortSignal;
  readonly abort: AbortSignal;
  readonly clock: Clock;
}

/** Sends one entry after the other. */
class Replay {
  readonly totals: Totals = { sent: 0, refused: 0, unsendable: 0 };
  readonly #options: ReplayOptions;
  #failures = 0;

  constructor(options: ReplayOptions) {
    this.#options = options;
  }

  /** Whether the receiver has taken the event. @throws {Fault} when it is away or takes nothing. */
  async send(entry: QuarantineEntry): Promise<boolean> {
    const { config, sinkFor, stop } = this.#options;
    if (stop.aborted) return false;
    const sendable = toSendable(entry, config);
    if (typeof sendable === "string") {
      this.totals.unsendable++;
      return tellUnsendable(entry, sendable);
    }
    let delivery: Delivery;
    try {
      delivery = await this.#sendPatiently(sinkFor(sendable.url), sendable.event);
    } catch (error) {
      if (stop.aborted) return false;
      throw error;
    }
    switch (delivery.kind) {
      case "delivered":
        this.totals.sent++;
        this.#failures = 0;
        tell(`Sent: ${describeEntry(entry)}`);
        return true;
      case "rejected":
        this.totals.refused++;
        this.#failures = 0;
        return tell(`Refused again: ${describeEntry(entry)}: ${delivery.reason}`);
      case "retry":
        if (!delivery.suspect || ++this.#failures >= MAX_FAILURES) {
          throw away(`Fluentd is not available: ${delivery.reason}`);
        }
        this.totals.refused++;
        return tell(`Failed again: ${describeEntry(entry)}: ${delivery.reason}`);
      case "misconfigured": {
        const remedy = delivery.remedy === undefined ? "" : `; ${delivery.remedy}`;
        throw away(`Fluentd needs attention: ${delivery.reason}${remedy}`);
      }
    }
  }

  async #sendPatiently(sink: Sink, event: AuditEvent): Promise<Delivery> {
    const { abort, clock, stop } = this.#options;
    const backoff = new Backoff();
    while (true) {
      const delivery = await sink.send([event], abort);
      if (delivery.kind !== "retry") return delivery;
      const pauseMs = backoff.nextMs();
      if (backoff.failures >= MAX_ATTEMPTS) return delivery;
      await clock.sleep(Math.min(delivery.afterMs ?? pauseMs, MAX_PAUSE_MS), stop);
    }
  }
}

/** The event and where it goes, or why there is none to send. */
function toSendable(
  { content }: QuarantineEntry,
  config: Config,
): { readonly event: AuditEvent; readonly url: string } | string {
  if ("defect" in content) return content.defect;
  const { id, json, stream, type } = content;
  if (json === undefined) return content.reason;
  const url = urlOf(content, config);
  if (url === undefined) return `the stream '${stream}' is not known`;
  return { event: { id, type, timeMs: 0, ...inOwnMemory(json) }, url };
}

function urlOf({ stream }: QuarantineContent, config: Config): string | undefined {
  if (stream === "log" || stream.startsWith("chunk/")) return config.fluentdUrl;
  const [, sessionId] = /^session\/(.*)$/s.exec(stream) ?? [];
  return isSessionId(sessionId) ? formatSessionUrl(config.fluentdSessionUrl, sessionId) : undefined;
}

function away(problem: string): Fault {
  return new Fault("unavailable", problem, {
    hint: "What was not sent is still in the quarantine",
  });
}

function tell(text: string): false {
  writeOut(`${escapeControls(text)}\n`);
  return false;
}

function tellUnsendable(entry: QuarantineEntry, reason: string): false {
  // The description of a line that cannot be read says why.
  const why = "defect" in entry.content ? "" : `: ${reason}`;
  return tell(`Cannot be sent: ${describeEntry(entry)}${why}`);
}

function formatTotals({ refused, sent, unsendable }: Totals): string {
  const parts = [`${sent} sent`, `${refused} refused again`];
  if (unsendable > 0) parts.push(`${unsendable} cannot be sent`);
  return `${parts.join(", ")}\n`;
}

const SILENT = { isDebug: false, debug() {}, info() {}, warning() {}, error() {} };
