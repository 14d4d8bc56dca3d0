import assert from "node:assert/strict";
import { countLag } from "./count_lag.ts";
import { canonicalJson, type KnownEvent } from "./known_event.ts";

Deno.test("countLag() counts what neither arrived nor lies in quarantine, of the log and of recordings that are there", () => {
  const [arrived, quarantined, missing] = ["a", "b", "c"].map((uid, place): KnownEvent => ({
    key: canonicalJson({ uid }),
    id: uid,
    type: "exec",
    timeMs: place,
    stream: "log",
    place,
    bytes: 11,
    isLate: false,
  }));
  const kept = { reason: "400", id: "" };
  const keysOf = (count: number) => Array.from({ length: count }, (_, ei) => canonicalJson({ ei }));
  const lag = countLag({
    wanted: [arrived!, quarantined!, missing!],
    sessions: [
      { sid: "s", keys: keysOf(5), isMissing: false },
      { sid: "none", keys: keysOf(9), isMissing: true },
    ],
    journal: {
      arrivals: [
        { path: "/log", fields: { uid: "a" } },
        { path: "/log", fields: { uid: "a" } },
        { path: "/s", fields: { ei: 0 } },
        { path: "/s", fields: { ei: 0 } },
        { path: "/s", fields: { ei: 1 } },
      ],
      requests: undefined,
      violations: [],
    },
    quarantined: [
      { ...kept, stream: "log", id: "b", key: quarantined!.key },
      { ...kept, stream: "session/s", key: canonicalJson({ ei: 2 }) },
    ],
    logPath: "/log",
    pathOf: (sid) => `/${sid}`,
  });
  assert.equal(lag, 1 + 2);
});
