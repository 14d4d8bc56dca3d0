import { createRandom } from "../support/events.ts";
import {
  type DiskFault,
  formatStep,
  type ReceiverFault,
  type ServerFault,
  type ServerMode,
  type Step,
} from "./step.ts";

/** Which auth server plays against which receiver. */
export interface Players {
  readonly peer: "fake" | "authpeer";
  readonly receiver: "fake" | "fluentd";
}

/** What is drawn from the seed unless it is given. */
export interface ScheduleOptions extends Partial<Players> {
  readonly mode?: ServerMode;
}

/** All of a run that is decided before it begins: the same seed and options give the same. */
export interface Schedule extends Players {
  readonly seed: number;
  readonly mode: ServerMode;
  /** Settings of the handler as TOML values. */
  readonly settings: Readonly<Record<string, string>>;
  /** Types that the settings let through; all when empty. */
  readonly types: readonly string[];
  readonly skipTypes: readonly string[];
  /** What lies in the log when the handler starts for the first time. */
  readonly backlog: {
    readonly events: number;
    readonly spanMs: number;
    readonly sessions: number;
    readonly sessionEvents: number;
    readonly odd: boolean;
  };
  readonly lookbackMs: number;
  readonly steps: readonly Step[];
}

/** Longest wait of the handler for an answer: short, so that a hang costs a second. */
export const TIMEOUT_MS = 1500;

const CODES = [
  "Canceled",
  "Unknown",
  "InvalidArgument",
  "DeadlineExceeded",
  "NotFound",
  "AlreadyExists",
  "PermissionDenied",
  "ResourceExhausted",
  "FailedPrecondition",
  "Aborted",
  "OutOfRange",
  "Unimplemented",
  "Internal",
  "Unavailable",
  "DataLoss",
  "Unauthenticated",
];
const LEGACY_CALLS = ["GetUnstructuredEvents", "StreamUnstructuredSessionEvents"];
/** Calls that a server without bulk export does not know. */
const BULK_ONLY = ["GetEventExportChunks", "ExportUnstructuredEvents"];
const BULK_CALLS = [...BULK_ONLY, "StreamUnstructuredSessionEvents"];
const MINUTE_MS = 60_000;

/** Draws the schedule of a seed. */
export function drawSchedule(seed: number, options: ScheduleOptions = {}): Schedule {
  const draw = new Draw(seed);
  // Each is drawn whether it is given or not, so that the rest stays the same.
  const drawn = {
    peer: draw.pick(["fake", "authpeer", "authpeer"] as const),
    mode: draw.pick(["legacy", "bulk"] as const),
  };
  const peer = options.peer ?? drawn.peer;
  const receiver = options.receiver ?? "fake";
  const mode = peer === "fake" ? "legacy" : options.mode ?? drawn.mode;
  const lookback = draw.pick(["5m", "30s"]);
  const { skipTypes, types } = drawFilter(draw);
  const list = (values: readonly string[]) => JSON.stringify(values);
  const batch = draw.pick(["", "5", "20", "100"]);
  const batchEvents = draw.pick(["1", "3", "40", "500"]);
  // With few events in a request, many events take long.
  const isSlow = Number(batchEvents) < 10;
  return {
    seed,
    peer,
    receiver,
    mode,
    types,
    skipTypes,
    lookbackMs: lookback === "5m" ? 5 * MINUTE_MS : MINUTE_MS / 2,
    settings: {
      ...(batch === "" ? {} : { batch }),
      "lookback": `"${lookback}"`,
      "window-size": draw.pick(['"24h"', '"1h"']),
      "concurrency": draw.pick(["1", "3", "5"]),
      "skip-session-types": "[]",
      ...(types.length === 0 ? {} : { types: list(types) }),
      ...(skipTypes.length === 0 ? {} : { "skip-event-types": list(skipTypes) }),
      "fluentd-batch-events": batchEvents,
      "fluentd-max-connections": draw.pick(["0", "1", "2"]),
      "teleport-refresh-enabled": "true",
      "teleport-refresh-interval": '"200ms"',
    },
    backlog: {
      events: draw.pick(isSlow ? [0, 5, 20, 60] : [0, 20, 100, 400]),
      spanMs: draw.pick([10 * MINUTE_MS, 180 * MINUTE_MS, 3 * 24 * 60 * MINUTE_MS]),
      sessions: peer === "authpeer" ? draw.pick([0, 0, 3, 8]) : 0,
      sessionEvents: draw.pick(isSlow ? [2, 5] : [5, 60]),
      odd: draw.chance(0.2),
    },
    steps: drawSteps(draw, { peer, receiver, mode, lookbackMs: MINUTE_MS / 2, isSlow }),
  };
}

/** The schedule as text, to be read by a person. */
export function formatSchedule(schedule: Schedule): string {
  const { backlog, mode, peer, receiver, seed, settings, steps } = schedule;
  return [
    `seed ${seed}: ${peer} in ${mode} mode, ${receiver} receiver`,
    `  settings: ${Object.entries(settings).map(([key, value]) => `${key}=${value}`).join(" ")}`,
    `  backlog: ${Object.entries(backlog).map(([key, value]) => `${key}=${value}`).join(" ")}`,
    ...steps.map((step, index) => `  ${index + 1}. ${formatStep(step)}`),
  ].join("\n");
}

function drawFilter(draw: Draw): { types: readonly string[]; skipTypes: readonly string[] } {
  if (draw.chance(0.2)) return { types: [], skipTypes: ["exec", "cert.create"] };
  if (draw.chance(0.1)) return { types: ["user.login", "session.start", "exec"], skipTypes: [] };
  return { types: [], skipTypes: [] };
}

function drawSteps(
  draw: Draw,
  world: Players & {
    readonly mode: ServerMode;
    readonly lookbackMs: number;
    readonly isSlow: boolean;
  },
): Step[] {
  const steps: Step[] = [];
  const count = draw.between(3, 8);
  for (let i = 0; i < count; i++) {
    if (draw.chance(0.75)) {
      const isLate = draw.chance(0.2);
      steps.push({
        do: "append",
        waitMs: draw.between(0, 150),
        count: draw.pick(world.isSlow ? [1, 3, 10, 30] : [1, 3, 25, 120]),
        ageMs: isLate ? draw.between(1000, world.lookbackMs - 10_000) : 0,
      });
    }
    if (world.peer === "authpeer" && draw.chance(0.2)) {
      steps.push({
        do: "upload",
        waitMs: draw.between(0, 100),
        events: draw.pick(world.isSlow ? [1, 5, 30] : [1, 20, 250]),
        missingMs: draw.chance(0.3) ? draw.between(200, 1500) : 0,
      });
    }
    steps.push(...draw.chance(0.3) ? drawBusyKill(draw, world) : drawFaultSteps(draw, world));
  }
  return steps;
}

/** A kill while a request is under way and more events are there: an idle program has little to lose. */
function drawBusyKill(draw: Draw, { receiver }: Players): Step[] {
  const forMs = draw.between(200, 900);
  const fault: ReceiverFault = receiver === "fluentd"
    ? { kind: "pause", forMs }
    : draw.pick<ReceiverFault>([
      { kind: "away", forMs },
      { kind: "hang", at: draw.pick(["before-taking", "before-answering"] as const), times: 1 },
      { kind: "slow", readMs: draw.between(0, 400), answerMs: draw.between(50, 400), times: 3 },
      { kind: "status", status: 503, times: draw.between(1, 4) },
    ]);
  return [
    { do: "receiver", waitMs: draw.between(0, 300), fault },
    { do: "append", waitMs: draw.between(0, 50), count: draw.pick([3, 10, 30]), ageMs: 0 },
    { do: "kill", waitMs: draw.between(50, 700), downMs: draw.between(0, 200) },
  ];
}

function drawFaultSteps(draw: Draw, world: Players & { readonly mode: ServerMode }): Step[] {
  const waitMs = draw.between(10, 500);
  const roll = draw.between(0, 99);
  if (roll < 14) return [{ do: "kill", waitMs, downMs: draw.between(0, 300) }];
  if (roll < 22) return [{ do: "terminate", waitMs, downMs: draw.between(0, 300) }];
  if (roll < 28) return drawDiskFault(draw, { waitMs, receiver: world.receiver });
  if (roll < 33) {
    const offsetMinutes = draw.pick([60, -60]);
    return [{ do: "clock", waitMs, offsetMinutes, forMs: draw.between(300, 1500) }];
  }
  return roll < 68
    ? [{ do: "receiver", waitMs, fault: drawReceiverFault(draw, world.receiver) }]
    : [{ do: "server", waitMs, fault: drawServerFault(draw, world) }];
}

function drawDiskFault(
  draw: Draw,
  { receiver, waitMs }: { readonly waitMs: number; readonly receiver: Players["receiver"] },
): Step[] {
  const fault = draw.pick<DiskFault>(["full", "full", "read-only", "read-only-folder"]);
  const forMs = draw.between(200, 1500);
  if (fault !== "read-only-folder") return [{ do: "disk", waitMs, fault, forMs }];
  // Nobody notices who has nothing to write there anew, as an event that goes to quarantine.
  const digit = draw.pick([..."0123456789abcdef"]);
  const poison: ReceiverFault = { kind: "poison", digit, status: 400, forMs: 2 * forMs + 2000 };
  return [
    { do: "disk", waitMs, fault, forMs: forMs + 1000 },
    ...receiver === "fluentd" ? [] : [{ do: "receiver", waitMs: 0, fault: poison } as const],
    { do: "append", waitMs: 0, count: 60, ageMs: 0 },
  ];
}

function drawReceiverFault(draw: Draw, receiver: Players["receiver"]): ReceiverFault {
  const forMs = draw.between(200, 1500);
  const times = draw.between(1, 3);
  if (receiver === "fluentd") {
    return draw.pick([{ kind: "away", forMs }, { kind: "pause", forMs: forMs + 500 }]);
  }
  switch (draw.between(0, 10)) {
    case 0:
      return { kind: "drop-connections" };
    case 1:
      return { kind: "away", forMs };
    case 2:
    case 3: {
      const at = draw.pick(
        ["before-reading", "before-answering", "within-head", "within-answer"] as const,
      );
      return { kind: "reset", at, times };
    }
    case 4:
      return {
        kind: "hang",
        at: draw.pick(["before-taking", "before-answering"] as const),
        times: 1,
      };
    case 5: {
      const [readMs, answerMs] = [draw.between(0, 1200), draw.between(0, 1200)];
      return { kind: "slow", readMs, answerMs, times: 1 };
    }
    case 6: {
      const status = draw.pick([408, 425, 429, 500, 502, 503, 504, 507, 404, 302]);
      const isPatient = status === 429 || status === 503;
      return isPatient && draw.chance(0.5)
        ? { kind: "status", status, retryAfter: 1, times: 1 }
        : { kind: "status", status, times: draw.pick([1, 2, 4, 7]) };
    }
    case 7:
      return { kind: "partial", take: draw.between(1, 20), times };
    case 8:
      return { kind: "close", times: times + 2 };
    case 9:
      return { kind: "too-large", maxBytes: draw.pick([1500, 4000, 30_000]), forMs };
    default: {
      const status = draw.pick([400, 400, 413, 422, 500]);
      return { kind: "poison", digit: draw.pick([..."0123456789abcdef"]), status, forMs };
    }
  }
}

function drawServerFault(
  draw: Draw,
  { mode, peer }: { readonly mode: ServerMode; readonly peer: Players["peer"] },
): ServerFault {
  const method = draw.pick(mode === "bulk" ? BULK_CALLS : LEGACY_CALLS);
  const forMs = draw.between(200, 1500);
  const times = draw.between(1, 3);
  const afterMessages = draw.pick([0, 0, 1, 7, 1_000_000]);
  switch (draw.between(0, peer === "authpeer" ? 15 : 9)) {
    case 0:
      return { kind: "drop-connections" };
    case 1:
      return { kind: "away", forMs };
    case 2:
      return { kind: "go-away" };
    case 3:
      return { kind: "restart" };
    case 4:
      return { kind: "hang", times: 1, method };
    case 5:
      return { kind: "slow", delayMs: draw.between(20, 400), times, method };
    case 6:
      return { kind: "reset-stream", code: draw.between(1, 11), afterMessages, times, method };
    case 7:
    case 8:
    case 9:
    case 10:
      return { kind: "status", code: drawCode(draw, method), afterMessages, times, method };
    case 11:
      return { kind: "truncate", afterMessages, method };
    case 12:
      return { kind: "pause", forMs };
    case 13:
      return { kind: "stall", forMs };
    case 14:
      return {
        kind: "rotate",
        ca: draw.chance(0.5),
        drop: draw.chance(0.5),
        expires: draw.chance(0.3),
      };
    default:
      return { kind: "mode", mode: mode === "bulk" ? "legacy" : "bulk" };
  }
}

/**
 * Two codes are no fault where a server says them in truth. "Not found" is how some say that a date has
 * no chunks. And "unimplemented" is how a server without bulk export answers the calls for it: the
 * program reads pages then and begins bulk export anew later, each with the repeats that belong to it.
 * That is the fault `mode`, which the judge counts. The calls for pages and for recordings are known to
 * every server that is not too old, so there it is a fault.
 */
function drawCode(draw: Draw, method: string): string {
  const code = draw.pick(CODES);
  const isTrue = code === "NotFound" && method === "GetEventExportChunks" ||
    code === "Unimplemented" && BULK_ONLY.includes(method);
  return isTrue ? "Unavailable" : code;
}

/** Draws from a seed. */
class Draw {
  readonly #random: () => number;

  constructor(seed: number) {
    // Seeds in a row give beginnings that look alike; a factor moves them apart.
    this.#random = createRandom(Math.imul(seed + 1, 0x9e3779b1));
  }

  /** Both ends are possible. */
  between(first: number, last: number): number {
    return first + Math.floor(this.#random() * (last - first + 1));
  }

  pick<T>(values: readonly T[]): T {
    return values[this.between(0, values.length - 1)]!;
  }

  chance(probability: number): boolean {
    return this.#random() < probability;
  }
}
