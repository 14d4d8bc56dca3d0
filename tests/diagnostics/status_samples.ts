/** Runs to show on the status page: one that is well, one that catches up, one in trouble. */
import type { CredentialName, CredentialStatus } from "../../src/core/credential_status.ts";
import type { RunSnapshot } from "../../src/diagnostics/run_snapshot.ts";

/** When all samples were taken. */
export const SAMPLE_NOW_MS = Date.parse("2026-03-14T15:09:26.535Z");

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** A run that is up to date, with what a test changes about it. */
export function sampleRun(changes: Partial<RunSnapshot> = {}): RunSnapshot {
  return {
    version: "1.2.3",
    teleport: "teleport.example.com:443",
    logUrl: "https://fluentd.example.com:8888/events.log",
    sessionUrl: "https://fluentd.example.com:8888/session",
    storage: "/var/lib/teleport-event-handler/teleport.example.com_443",
    isDryRun: false,
    nowMs: SAMPLE_NOW_MS,
    startedAtMs: SAMPLE_NOW_MS - 3 * DAY_MS - 5 * 60 * MINUTE_MS,
    phase: "forwarding",
    route: "directly at auth.example.com:3025",
    mode: "paged",
    events: {
      log: sampleCounts({ received: 1_234_890, delivered: 1_234_567, filtered: 320, refused: 3 }),
      session: sampleCounts({ received: 45_678, delivered: 45_678 }),
    },
    deliveredPerMinute: sampleMinutes(),
    lastEvent: {
      type: "session.start",
      id: "3fe0b7f4-6f0a-4a3d-9d9e-0a1b2c3d4e5f",
      timeMs: SAMPLE_NOW_MS - 9000,
    },
    lastDeliveredAtMs: SAMPLE_NOW_MS - 4000,
    lastAnswerAtMs: SAMPLE_NOW_MS - 800,
    isCaughtUp: true,
    caughtUpAtMs: SAMPLE_NOW_MS - 2 * DAY_MS,
    lagMs: 800,
    readFromMs: SAMPLE_NOW_MS - 30 * DAY_MS,
    doneUntilMs: SAMPLE_NOW_MS - 9000,
    serverNowMs: SAMPLE_NOW_MS,
    queue: { events: 0, bytes: 0 },
    inFlightEvents: 0,
    troubles: [],
    retries: { source: 2, receiver: 5, state: 0 },
    lastTrouble: {
      streamId: "log",
      peer: "receiver",
      reason: "HTTP 503: Service Unavailable",
      attempt: 3,
      lasting: false,
      sinceMs: SAMPLE_NOW_MS - 5 * 60 * MINUTE_MS,
      nextTryMs: SAMPLE_NOW_MS - 5 * 60 * MINUTE_MS + 800,
    },
    stalls: [],
    stallCount: 0,
    sessions: { ready: 3, running: 5, parked: 1 },
    sessionsSent: 412,
    sessionsGivenUp: 0,
    chunks: undefined,
    commits: { stored: 8211, failed: 0 },
    lastCommitAtMs: SAMPLE_NOW_MS - 4000,
    storeProblem: undefined,
    quarantined: 0,
    replica: undefined,
    credentials: [
      sampleCredential("teleport_client", "event-handler", 41),
      sampleCredential("teleport_ca", "teleport.example.com", 3000),
      sampleCredential("fluentd_client", "teleport-event-handler", 290),
      sampleCredential("fluentd_ca", "Fluentd CA", 3400),
    ],
    ...changes,
  };
}

/** A run with everything that needs attention, in words that a peer should not have chosen. */
export function troubledRun(changes: Partial<RunSnapshot> = {}): RunSnapshot {
  const trouble = {
    streamId: "log",
    peer: "receiver",
    reason: `HTTP 503: <script>alert("no")</script> & <b>come back later</b>`,
    attempt: 7,
    lasting: false,
    sinceMs: SAMPLE_NOW_MS - 3 * MINUTE_MS,
    nextTryMs: SAMPLE_NOW_MS + 12_000,
  } as const;
  return sampleRun({
    isCaughtUp: false,
    lagMs: 5 * MINUTE_MS,
    queue: { events: 812, bytes: 900_000 },
    inFlightEvents: 500,
    troubles: [trouble, {
      ...trouble,
      peer: "source",
      streamId: "session/5e551015-0000-4000-a000-0000000ca11e",
      reason: "The auth server is shutting down",
    }],
    lastTrouble: trouble,
    quarantined: 3,
    sessionsGivenUp: 1,
    credentials: [
      {
        ...sampleCredential("teleport_client", "event-handler", -1),
        problem: "The key does not belong to the certificate",
      },
      sampleCredential("fluentd_client", "teleport-event-handler", 9),
    ],
    ...changes,
  });
}

/** A run that works off a backlog by chunks. */
export function busyRun(changes: Partial<RunSnapshot> = {}): RunSnapshot {
  return sampleRun({
    mode: "bulk",
    startedAtMs: SAMPLE_NOW_MS - 18 * MINUTE_MS,
    isCaughtUp: false,
    caughtUpAtMs: undefined,
    lagMs: 11 * DAY_MS,
    doneUntilMs: SAMPLE_NOW_MS - 11 * DAY_MS,
    queue: { events: 1840, bytes: 1_900_000 },
    inFlightEvents: 2000,
    deliveredPerMinute: sampleMinutes().map((count, index) => index < 42 ? 0 : 42_000 + count * 9),
    chunks: { ready: 37, running: 5, parked: 0 },
    ...changes,
  });
}

function sampleCounts(
  changes: Partial<RunSnapshot["events"]["log"]>,
): RunSnapshot["events"]["log"] {
  return {
    received: 0,
    delivered: 0,
    filtered: 0,
    refused: 0,
    unreadable: 0,
    requests: { delivered: 0, retry: 0, rejected: 0, misconfigured: 0, aborted: 0 },
    ...changes,
  };
}

function sampleCredential(
  name: CredentialName,
  subject: string,
  daysLeft: number,
): CredentialStatus {
  return {
    name,
    subject,
    path: `/etc/teleport-event-handler/${name}.pem`,
    notBeforeMs: SAMPLE_NOW_MS - 60 * DAY_MS,
    notAfterMs: SAMPLE_NOW_MS + daysLeft * DAY_MS,
    replacedMs: undefined,
    problem: undefined,
  };
}

/** A quiet hour with a busy quarter in it. */
function sampleMinutes(): number[] {
  return Array.from(
    { length: 60 },
    (_, minute) =>
      Math.round(
        140 + 60 * Math.sin(minute / 4) + 35 * Math.cos(minute * 1.7) +
          (minute > 30 && minute < 45 ? 260 * Math.sin((minute - 30) / 15 * Math.PI) : 0),
      ),
  );
}

/** Three replicas, of which this one follows. */
export function followingRun(): RunSnapshot {
  const other = { isSelf: false, isLeader: false, claims: 0, seenAgoMs: 900 };
  return sampleRun({
    mode: undefined,
    lagMs: undefined,
    isCaughtUp: false,
    replica: {
      name: "handler-1",
      role: "follower",
      epoch: undefined,
      claims: 4,
      takeovers: 2,
      fencedWrites: 0,
      replicas: [
        { ...other, name: "handler-0", isLeader: true, claims: 3 },
        { ...other, name: "handler-1", isSelf: true, claims: 4, seenAgoMs: 0 },
        { ...other, name: "handler-2", seenAgoMs: 12_000 },
      ],
    },
  });
}

/** The same one without a lease. */
export function joiningRun(): RunSnapshot {
  const { replica, ...run } = followingRun();
  return { ...run, replica: { ...replica!, role: "joining", claims: 0, replicas: [] } };
}
