import assert from "node:assert/strict";
import { type Metric, METRICS, PROCESS_METRICS } from "../../src/diagnostics/metric_table.ts";
import { CONDITION_NAMES } from "../../src/diagnostics/readiness.ts";
import { readDocuments } from "./documents.ts";

const { text } = (await readDocuments()).find(({ path }) => path === "docs/monitoring.md")!;

/** The rows of a table whose first column is code, by that. */
function rowsAfter(heading: string): Map<string, readonly string[]> {
  const table = text.slice(text.indexOf(heading)).split("\n\n")[0]!;
  const rows = table.split("\n").slice(2).map((line) =>
    line.split("|").slice(1, -1).map((cell) => cell.trim())
  );
  return new Map(rows.map(([name, ...rest]) => [name!.replaceAll("`", ""), rest]));
}

Deno.test("docs/monitoring.md has every metric with its type, its labels and its help", () => {
  const expected = new Map(
    Object.entries<Metric>({ ...METRICS, ...PROCESS_METRICS }).map(([name, metric]) => {
      const labels = Object.entries(metric.labels ?? {}).map(([label, values]) =>
        values === undefined ? `\`${label}\`` : `\`${label}\`: ${values.join(", ")}`
      );
      return [name, [metric.type, labels.join("; "), metric.help]];
    }),
  );
  assert.deepEqual(rowsAfter("| metric "), expected);
});

Deno.test("docs/monitoring.md has every condition of /readyz", () => {
  assert.deepEqual([...rowsAfter("| condition ").keys()], [...CONDITION_NAMES]);
});

Deno.test("the expressions of docs/monitoring.md name metrics that exist", () => {
  const names = [...text.matchAll(/\bteleport_event_handler_([a-z_]+[a-z])/g)];
  assert.ok(names.length > 5);
  for (const [, name] of names) {
    const base = name!.replace(/_bucket$/, "");
    assert.ok(Object.hasOwn(METRICS, base), `There is no ${base}`);
  }
});
