import assert from "node:assert/strict";
import { renderMinuteChart } from "../../src/diagnostics/status_chart.ts";

const QUIET = Array<number>(60).fill(0);

Deno.test("renderMinuteChart() draws a bar for each minute, as high as its share of the round number above all", () => {
  const { text } = renderMinuteChart(QUIET.with(0, 1300).with(58, 1000).with(59, 1));
  assert.match(text, /class="top"[^>]*>2,000</);
  const heights = [...text.matchAll(/<rect[^>]* height="([\d.]+)"/g)].map(([, height]) => +height!);
  assert.deepEqual(heights, [65, ...Array(57).fill(0), 50, 2]);
});

for (const [most, top] of [[0, 10], [3, 10], [10, 10], [11, 20], [21, 50], [501, 1000]]) {
  Deno.test(`renderMinuteChart() reaches up to ${top} for ${most} events`, () => {
    const [, shown] = renderMinuteChart(QUIET.with(30, most!)).text.match(
      /class="top"[^>]*>([^<]*)</,
    )!;
    assert.equal(shown!.replace(",", ""), String(top));
  });
}

Deno.test("renderMinuteChart() says the same in words and in a table, newest first", () => {
  const { text } = renderMinuteChart(QUIET.with(59, 7).with(55, 5).with(54, 1).with(0, 2000));
  assert.match(
    text,
    /role="img" aria-label="Bar chart: 2,013 events in the last hour, 2,000 in its/,
  );
  const rows = [...text.matchAll(/<th scope="row">([^<]*)<\/th><td>([^<]*)</g)];
  assert.equal(rows.length, 12);
  assert.deepEqual(
    rows.map(([, when, count]) => `${when}: ${count}`).filter((_, index) =>
      index < 2 || index === 11
    ),
    [
      "0 to 5 minutes ago: 12",
      "5 to 10 minutes ago: 1",
      "55 to 60 minutes ago: 2,000",
    ],
  );
});
