import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import {
  type Metric,
  METRIC_PREFIX,
  METRICS,
  PROCESS_METRICS,
} from "../../src/diagnostics/metric_table.ts";
import { peerTest } from "../support/peer.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const DEPLOY = fileURLToPath(new URL("../../deploy/", import.meta.url));
const RULES = `${DEPLOY}prometheus/rules.yml`;
const RULES_TEST = `${DEPLOY}prometheus/rules_test.yml`;
const DASHBOARD = `${DEPLOY}grafana/dashboard.json`;

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly uid: string };
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly targets?: readonly {
    readonly refId: string;
    readonly expr: string;
    readonly datasource: { readonly uid: string };
  }[];
}

const dashboard: {
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string }[];
  };
  readonly schemaVersion: number;
} = JSON.parse(await Deno.readTextFile(DASHBOARD));
const shown = dashboard.panels.filter(({ type }) => type !== "row");
const expressions = shown.flatMap(({ targets }) => targets!.map(({ expr }) => expr));

/** Metrics by the names that are scraped; a histogram has three. */
const SCRAPED = new Map<string, Metric>();
for (const [name, metric] of Object.entries<Metric>(METRICS)) {
  const endings = metric.type === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
  for (const ending of endings) SCRAPED.set(`${METRIC_PREFIX}${name}${ending}`, metric);
}
for (const [name, metric] of Object.entries<Metric>(PROCESS_METRICS)) SCRAPED.set(name, metric);

/** Labels that a scrape adds, and that of a histogram. */
const OTHER_LABELS = ["job", "instance", "le"];

for (const path of [RULES, RULES_TEST, DASHBOARD]) {
  const file = path.slice(DEPLOY.length);
  const text = (await Deno.readTextFile(path)).replaceAll('\\"', '"');

  Deno.test(`deploy/${file} names metrics that exist`, () => {
    const names = text.match(new RegExp(`\\b(${METRIC_PREFIX}|process_)[a-z0-9_]+`, "g"))!;
    const unknown = [...new Set(names)].filter((name) => !SCRAPED.has(name));
    assert.ok(names.length > 10);
    assert.deepEqual(unknown, []);
  });

  Deno.test(`deploy/${file} names labels and values that the metrics have`, () => {
    const selectors = [...text.matchAll(/\b([a-z0-9_]+)\{([^}]*)\}/g)];
    for (const [whole, name, matchers] of selectors) {
      const labels = SCRAPED.get(name!)?.labels ?? {};
      for (const [, label, values] of matchers!.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"/g)) {
        if (OTHER_LABELS.includes(label!)) continue;
        assert.ok(label! in labels, `${whole}: no label ${label}`);
        for (const value of values!.split("|")) {
          assert.ok(labels[label!]?.includes(value), `${whole}: ${label} is never ${value}`);
        }
      }
    }
  });
}

Deno.test("deploy/prometheus/rules.yml tries every alert in its unit tests", async () => {
  const [rules, tests] = await Promise.all(
    [RULES, RULES_TEST].map((path) => Deno.readTextFile(path)),
  );
  const alerts = [...rules!.matchAll(/- alert: (\w+)/g)].map(([, name]) => name!);
  assert.ok(alerts.length >= 8);
  for (const alert of alerts) {
    const tried = [
      ...tests!.matchAll(new RegExp(`alertname: ${alert}\\n.*\\n\\s+exp_alerts:(.*)`, "g")),
    ];
    assert.ok(tried.some(([, none]) => none === ""), `${alert} never comes`);
    if (alert === "TeleportEventHandlerDown") continue;
    assert.ok(tried.some(([, none]) => none === " []"), `${alert} never stays away`);
  }
});

Deno.test("docs/monitoring.md explains every alert", async () => {
  const rules = await Deno.readTextFile(RULES);
  const document = await Deno.readTextFile(`${DEPLOY}../docs/monitoring.md`);
  for (const [, alert] of rules.matchAll(/- alert: (\w+)/g)) {
    assert.ok(document.includes(`\`${alert}\``), alert);
  }
});

Deno.test("deploy/grafana/dashboard.json asks the data source that is chosen, and has no panel twice or over another", () => {
  assert.ok(dashboard.schemaVersion >= 36);
  assert.deepEqual(
    dashboard.templating.list.map(({ name, type }) => [name, type]),
    [["datasource", "datasource"], ["job", "query"], ["instance", "query"]],
  );
  const ids = dashboard.panels.map(({ id }) => id);
  assert.deepEqual(ids, [...new Set(ids)]);
  const cells = new Set<string>();
  for (const { gridPos: { h, w, x, y }, title } of dashboard.panels) {
    assert.ok(x + w <= 24, title);
    for (let row = y; row < y + h; row++) {
      for (let column = x; column < x + w; column++) {
        assert.ok(!cells.has(`${row}/${column}`), `${title} lies over another panel`);
        cells.add(`${row}/${column}`);
      }
    }
  }
  for (const { datasource, description, targets, title } of shown) {
    assert.equal(datasource!.uid, "${datasource}", title);
    assert.ok(description, `${title} does not say what it shows`);
    assert.ok(targets!.length > 0, title);
    for (const target of targets!) assert.equal(target.datasource.uid, "${datasource}", title);
    const refs = targets!.map(({ refId }) => refId);
    assert.deepEqual(refs, [...new Set(refs)], title);
  }
});

Deno.test("deploy/grafana/dashboard.json shows rate, lag, backlog, retries, quarantine, sessions, replicas and their leaders, certificates, CPU and memory", () => {
  for (
    const name of [
      "events_delivered_total",
      "lag_seconds",
      "queue_events",
      "retries_total",
      "quarantine_events",
      "session_recordings",
      "handler_leader{",
      "leader_epoch",
      "handler_replicas",
      "claims",
      "takeovers_total",
      "fenced_writes_total",
      "certificate_expiry_timestamp_seconds",
      "process_cpu_seconds_total",
      "process_resident_memory_bytes",
    ]
  ) {
    assert.ok(expressions.some((expr) => expr.includes(name)), name);
  }
});

const NEEDS = { needs: ["PROMTOOL"] } as const;

peerTest("promtool takes the alert rules", NEEDS, async () => {
  await runPromtool("check", "rules", "--lint=all", "--lint-fatal", RULES);
});

peerTest("promtool passes the unit tests of the alert rules", NEEDS, async () => {
  await runPromtool("test", "rules", RULES_TEST);
});

peerTest("promtool can read every expression of the dashboard", NEEDS, async () => {
  await using folder = await temporaryFolder();
  const rules = expressions.map((expr, i) => {
    const plain = expr.replaceAll("$__rate_interval", "5m").replaceAll(/\$\w+/g, ".*");
    return { record: `panel:${i}`, expr: plain };
  });
  const path = `${folder.path}/panels.yml`;
  // JSON is YAML.
  await Deno.writeTextFile(path, JSON.stringify({ groups: [{ name: "panels", rules }] }));
  await runPromtool("check", "rules", path);
});

async function runPromtool(...args: readonly string[]): Promise<void> {
  const { code, stderr, stdout } = await new Deno.Command(Deno.env.get("PROMTOOL")!, {
    args: [...args],
  }).output();
  const decoder = new TextDecoder();
  assert.equal(code, 0, decoder.decode(stdout) + decoder.decode(stderr));
}
