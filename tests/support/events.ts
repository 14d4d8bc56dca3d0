import type { JsonValue } from "../../src/core/position.ts";

/** The payload of an event as an object. */
export type EventFields = { readonly [key: string]: JsonValue };

/** One event as the fake auth server keeps it. */
export interface FakeEvent {
  readonly type: string;
  readonly id: string;
  readonly timeMs: number;
  /** Index within its session; 0 for others. */
  readonly index: number;
  readonly fields: EventFields;
  /** What the server sends in place of the fields: bytes that may be no Struct. */
  readonly payload?: Uint8Array<ArrayBuffer>;
}

/** Which events to build. */
export interface EventsOptions {
  readonly count: number;
  /** Same seed and options, same events. @default {1} */
  readonly seed?: number;
  /** Time of the first event. @default {2026-01-01T00:00:00Z} */
  readonly startMs?: number;
  /** Time between the first event and the last one. @default {3 days} */
  readonly spanMs?: number;
  /** Types to choose from. @default {all that are known} */
  readonly types?: readonly string[];
  /** How many events share one moment, as bursts do. @default {1} */
  readonly sameTime?: number;
}

/** Facts to fix in a single event; the rest is made up. */
export interface EventOptions {
  readonly type?: string;
  readonly id?: string;
  readonly timeMs?: number;
  readonly index?: number;
  /** Added to the fields of the type, or put in place of them. */
  readonly fields?: EventFields;
  readonly seed?: number;
}

/** A number in [0, 1). */
type Random = () => number;

/** Where the first event lies unless told otherwise. */
export const FIRST_EVENT_MS = Date.UTC(2026, 0, 1);

const DAY_MS = 86_400_000;

/** What events of each type say beyond what all say. */
const KINDS: { readonly [type: string]: (random: Random) => EventFields } = {
  "session.start": (random) => ({
    code: "T2000I",
    sid: makeUuid(random),
    server_hostname: `ip-10-0-${pick(random, 250)}-${pick(random, 250)}.example.com`,
    server_labels: { env: "prod", "aws/region": "eu-central-1", team: "data" },
    initial_command: ["bash", "-l"],
    size: "180:52",
  }),
  "session.end": (random) => ({
    code: "T2004I",
    sid: makeUuid(random),
    interactive: true,
    participants: ["alice@example.com", "bob@example.com"],
    session_start: "2026-01-01T00:00:00.123Z",
  }),
  "session.upload": (random) => ({
    code: "T2005I",
    sid: makeUuid(random),
    url: "s3://recordings/records",
    size: pick(random, 1_000_000),
  }),
  "user.login": (random) => ({
    code: random() < 0.8 ? "T1000I" : "T1000W",
    method: "local",
    success: random() < 0.8,
    "addr.remote": `203.0.113.${pick(random, 250)}:${20_000 + pick(random, 40_000)}`,
    user_agent: "Mozilla/5.0 (X11; Linux x86_64)",
    attributes: null,
  }),
  "db.session.query": (random) => ({
    code: "TDB02I",
    sid: makeUuid(random),
    db_query: `SELECT o.id\n\tFROM "orders" o WHERE o.total > ${
      random() * 1e3
    } AND note <> 'ü 🗝 \\'`,
    db_query_parameters: ["2026-01-01", String(pick(random, 1000))],
    db_labels: {},
  }),
  exec: (random) => ({
    code: "T3002I",
    sid: makeUuid(random),
    command: "grep -r 'a&b' /etc <in >out",
    exitCode: String(pick(random, 3)),
    duration_ms: random() * 5000,
  }),
  "kube.request": (random) => ({
    code: "T3009I",
    request_path: `/api/v1/namespaces/n${pick(random, 9)}/pods?limit=500&x=%20`,
    verb: "GET",
    response_code: 200 + pick(random, 2),
  }),
  "cert.create": (random) => ({
    code: "TC000I",
    cert_type: "user",
    identity: {
      user: "alice@example.com",
      roles: ["access", "editor"],
      traits: { logins: ["root", "ubuntu"], empty: [] },
      expires: "2026-01-02T00:00:00Z",
      generation: pick(random, 50),
    },
  }),
};

/** Types that are built, in the order of their weight. */
export const EVENT_TYPES: readonly string[] = Object.keys(KINDS);

/** Builds events in the order of their times, spread evenly over the span. */
export function buildEvents(options: EventsOptions): FakeEvent[] {
  const random = createRandom(options.seed ?? 1);
  const types = options.types ?? EVENT_TYPES;
  const startMs = options.startMs ?? FIRST_EVENT_MS;
  const sameTime = options.sameTime ?? 1;
  const moments = Math.max(1, Math.ceil(options.count / sameTime) - 1);
  const stepMs = (options.spanMs ?? 3 * DAY_MS) / moments;
  return Array.from({ length: options.count }, (_, i) =>
    makeEvent(random, {
      type: types[pick(random, types.length)]!,
      timeMs: Math.floor(startMs + Math.floor(i / sameTime) * stepMs),
    }));
}

/** Builds one event. */
export function buildEvent(options: EventOptions = {}): FakeEvent {
  return makeEvent(createRandom(options.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]!), {
    type: "user.login",
    timeMs: FIRST_EVENT_MS,
    ...options,
  });
}

/** The payload as the receiver must get it: one line of JSON. */
export function expectedJson(event: FakeEvent): string {
  return JSON.stringify(event.fields);
}

/** A repeatable source of numbers in [0, 1): mulberry32. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function makeEvent(
  random: Random,
  options: Omit<EventOptions, "seed"> & { readonly type: string; readonly timeMs: number },
): FakeEvent {
  const { type, timeMs } = options;
  const id = options.id ?? makeUuid(random);
  const index = options.index ?? (type.startsWith("session.") ? pick(random, 100) : 0);
  const kind = KINDS[type] ?? (() => ({ code: "T0000I" }));
  return {
    type,
    id,
    timeMs,
    index,
    fields: {
      ei: index,
      event: type,
      uid: id,
      ...kind(random),
      time: new Date(timeMs).toISOString(),
      cluster_name: "teleport.example.com",
      user: `${["alice", "bob", "carol", "dave"][pick(random, 4)]}@example.com`,
      ...options.fields,
    },
  };
}

function pick(random: Random, below: number): number {
  return Math.floor(random() * below);
}

function makeUuid(random: Random): string {
  const hex = Array.from({ length: 32 }, () => pick(random, 16).toString(16)).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${
    hex.slice(20)
  }`;
}
