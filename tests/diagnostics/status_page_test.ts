import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { Progress } from "../../src/diagnostics/progress_meter.ts";
import type { RunSnapshot } from "../../src/diagnostics/run_snapshot.ts";
import { renderStatusPage, STATUS_PAGE_POLICY } from "../../src/diagnostics/status_page.ts";
import { PALETTES } from "../../src/diagnostics/status_page_colors.ts";
import { createStatusReport } from "../../src/diagnostics/status_report.ts";
import {
  busyRun,
  followingRun,
  joiningRun,
  SAMPLE_NOW_MS,
  sampleRun,
  troubledRun,
} from "./status_samples.ts";

function render(run: RunSnapshot, progress?: Progress): string {
  return renderStatusPage(createStatusReport(run, progress));
}

/** The words of the page, without its style and script, tags as blanks. */
function readText(run: RunSnapshot, progress?: Progress): string {
  const body = render(run, progress).replace(/^.*<body>|<script>.*$/gs, "");
  return body.replaceAll(/<[^>]*>/g, " ").replaceAll(/\s+/g, " ");
}

Deno.test("renderStatusPage() tells where events come from and go to, how, and since when", () => {
  const text = readText(sampleRun());
  for (
    const part of [
      "Up to date",
      "teleport.example.com:443 read by pages",
      "https://fluentd.example.com:8888 /events.log recordings to /session",
      "Version 1.2.3, running for 3 days",
      "Behind by 0 s caught up since 2026-03-12 15:09:26 UTC",
      "Last event 4 s ago session.start of 2026-03-14 15:09:17 UTC " +
      "3fe0b7f4-6f0a-4a3d-9d9e-0a1b2c3d4e5f",
      "Delivered 1,234,567",
      "Active 5 Waiting 3 Parked 1",
      "Teleport 2 Fluentd 5 Storage 0 Last cause, 5 h ago, over now: Fluentd, " +
      "HTTP 503: Service Unavailable",
      "Quarantine Empty",
      "For Fluentd teleport-event-handler 290 days left 2026-12-29",
      "Teleport answers yes",
      "As of 2026-03-14 15:09:26 UTC",
    ]
  ) {
    assert.ok(text.includes(part), `'${part}' in: ${text}`);
  }
});

Deno.test("renderStatusPage() tells how far a backlog is, and what is known of it before it is measured", () => {
  const progress = {
    positionMs: SAMPLE_NOW_MS - 3 * 86_400_000,
    delivered: 1000,
    perSecond: 1234,
    share: 0.639,
    leftMs: 5_400_000,
    trouble: undefined,
  };
  const text = readText(busyRun(), progress);
  assert.ok(text.includes("63 % done , about 1 h 30 min left."), text);
  assert.ok(
    text.includes("Reached 2026-03-11 15:09:26 UTC , 3 days before now. 1,234 events"),
    text,
  );
  assert.ok(text.includes("Chunks that are not done Active 5 Waiting 37 Parked 0"), text);
  assert.match(render(busyRun(), progress), /<progress [^>]*value="63"/);
  const { perSecond: _rate, leftMs: _left, ...unmeasured } = progress;
  const early = { ...unmeasured, perSecond: undefined, leftMs: undefined };
  assert.ok(readText(busyRun(), early).includes("63 % done , time left not known yet."));
  const empty = busyRun({ queue: { events: 0, bytes: 0 } });
  assert.ok(readText(empty).includes("Backlog Not known yet"));
});

Deno.test("renderStatusPage() tells of the replicas, who leads, and what each forwards", () => {
  const text = readText(followingRun());
  for (
    const part of [
      "Following Another replica reads the audit log",
      "teleport.example.com:443 another replica reads the audit log",
      "handler-0 leads, seen 0 s ago 3",
      "handler-1 follows, this one 4",
      "handler-2 follows, seen 12 s ago 0",
      "2 streams taken over in this run",
    ]
  ) {
    assert.ok(text.includes(part), `${part}\n${text}`);
  }
  assert.ok(!readText(sampleRun()).includes("Replicas"));
  const joining = readText(joiningRun());
  assert.ok(joining.includes("teleport.example.com:443 not read without a lease"), joining);
  assert.ok(!joining.includes("Replicas"), "without a lease it knows of nobody");
});

Deno.test("renderStatusPage() does not call a run caught up that something holds up", () => {
  const text = readText(troubledRun({ isCaughtUp: true }));
  assert.ok(text.includes("Behind by 5 min held up by Fluentd"), text);
  assert.ok(text.includes("Backlog 812 events waiting"), text);
  assert.ok(!text.includes("caught up"), text);
});

Deno.test("renderStatusPage() shows a run that has only begun, with nothing known of it", () => {
  const text = readText(sampleRun({
    phase: "starting",
    mode: undefined,
    isCaughtUp: false,
    caughtUpAtMs: undefined,
    lagMs: undefined,
    readFromMs: undefined,
    doneUntilMs: undefined,
    lastEvent: undefined,
    lastDeliveredAtMs: undefined,
    lastTrouble: undefined,
    sessions: undefined,
    quarantined: undefined,
    credentials: [],
    deliveredPerMinute: Array(60).fill(0),
  }));
  for (
    const part of [
      "Starting",
      "no answer yet",
      "no recordings",
      "Behind by – not known yet",
      "Last event – none in this run",
      "0 events in the last hour",
      "Not forwarded in this run",
      "None in this run.",
      "Not counted yet",
      "None are watched",
    ]
  ) {
    assert.ok(text.includes(part), `'${part}' in: ${text}`);
  }
  assert.ok(!/undefined|NaN|Invalid/.test(text), text);
});

Deno.test("renderStatusPage() escapes everything that came from elsewhere", () => {
  const evil = `"'><script>x</script>&\u202e`;
  const run = troubledRun();
  const text = render({
    ...run,
    teleport: evil,
    logUrl: `https://h/${evil}`,
    sessionUrl: evil,
    storage: evil,
    storeProblem: evil,
    version: evil,
    lastEvent: { type: evil, id: evil, timeMs: NaN },
    stalls: [{ streamId: evil, reason: evil, sinceMs: NaN }],
    troubles: run.troubles.map((trouble) => ({ ...trouble, streamId: evil, reason: evil })),
    credentials: run.credentials.map((credential) => ({
      ...credential,
      path: evil,
      subject: evil,
      problem: evil,
    })),
  });
  assert.equal(text.match(/<script>/g)!.length, 1);
  assert.ok(!text.includes("\u202e"));
  assert.ok(!text.includes(`"'>`));
  assert.ok(text.includes("&quot;&#39;&gt;&lt;script&gt;x&lt;/script&gt;&amp;\\u202e"));
});

Deno.test("STATUS_PAGE_POLICY admits the one script and the one style of the page, and nothing from elsewhere", () => {
  const text = render(sampleRun());
  for (const tag of ["script", "style"]) {
    const inside = text.match(new RegExp(`<${tag}>(.*?)</${tag}>`, "s"))![1]!;
    const hash = createHash("sha256").update(inside).digest("base64");
    assert.ok(STATUS_PAGE_POLICY.includes(`${tag}-src 'sha256-${hash}'`));
  }
  assert.ok(STATUS_PAGE_POLICY.startsWith("default-src 'none'; "));
  assert.ok(!/unsafe|\*|http/.test(STATUS_PAGE_POLICY));
  assert.ok(!/ style="| on\w+="/.test(text));
});

Deno.test("renderStatusPage() stays small, however much is wrong", () => {
  const run = troubledRun();
  const troubles = Array.from({ length: 1000 }, (_, index) => ({
    ...run.troubles[0]!,
    streamId: `session/${index}`,
    reason: `${index}`,
  }));
  assert.ok(render({ ...run, troubles }).length < 65_536);
});

for (const [scheme, palette] of Object.entries(PALETTES)) {
  const { accent, bad, busy, good, ground, ink, line: _line, quiet, surface, track, warning } =
    palette;
  for (const [name, color] of Object.entries({ accent, bad, busy, good, ink, quiet, warning })) {
    Deno.test(`PALETTES.${scheme}.${name} is legible on what is behind it`, () => {
      for (const behind of [ground, surface]) {
        assert.ok(contrastOf(color, behind) >= 4.5, `${contrastOf(color, behind)} on ${behind}`);
      }
    });
  }
  Deno.test(`PALETTES.${scheme} tells the part of a bar that is done from the rest`, () => {
    assert.ok(contrastOf(accent, track) >= 3);
  });
}

/** The contrast of two colours, from 1 to 21, as WCAG 2 defines it. */
function contrastOf(one: string, other: string): number {
  const [dark, light] = [luminanceOf(one), luminanceOf(other)].sort((a, b) => a - b);
  return (light! + 0.05) / (dark! + 0.05);
}

function luminanceOf(color: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const part = parseInt(color.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}
