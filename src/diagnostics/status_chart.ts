import { type Markup, markup } from "./markup.ts";
import { formatCount, formatNumberOf } from "./status_words.ts";

const HEIGHT = 100;
const STEP = 10;
const BAR_WIDTH = 7;
/** Anything at all can be seen. */
const MIN_HEIGHT = 2;
const TABLE_ROW_MINUTES = 5;

/** Draws events a minute as bars, oldest first, with a table that says the same in words. */
export function renderMinuteChart(counts: readonly number[]): Markup {
  const top = ceilNicely(Math.max(...counts));
  const total = counts.reduce((sum, count) => sum + count, 0);
  const summary = `${formatNumberOf(total, "event")} in the last hour, ` +
    `${formatCount(Math.max(...counts))} in its busiest minute`;
  return markup`<figure class="chart">
<div class="plot">
<span class="top" aria-hidden="true">${formatCount(top)}</span>
<svg role="img" aria-label="Bar chart: ${summary}" viewBox="0 0 ${counts.length * STEP} ${HEIGHT}"
 preserveAspectRatio="none">
<path class="grid" d="M0 0.5H${counts.length * STEP}M0 ${HEIGHT / 2}H${counts.length * STEP}"/>
${counts.map((count, index) => renderBar({ count, index, top, minutes: counts.length }))}
</svg>
<div class="axis" aria-hidden="true"><span>1 h ago</span><span>30 min</span><span>now</span></div>
</div>
<figcaption>${summary}.</figcaption>
<details><summary>As a table</summary>${renderTable(counts)}</details>
</figure>`;
}

function renderBar(
  { count, index, minutes, top }: { count: number; index: number; minutes: number; top: number },
): Markup {
  const height = count === 0 ? 0 : Math.max(count / top * HEIGHT, MIN_HEIGHT);
  const ago = minutes - 1 - index;
  const when = ago === 0 ? "this minute" : `${ago} min ago`;
  return markup`<rect${ago === 0 ? markup` class="current"` : undefined} x="${
    index * STEP + 1.5
  }" y="${+(HEIGHT - height).toFixed(2)}" width="${BAR_WIDTH}" height="${+height.toFixed(
    2,
  )}" rx="1"><title>${when}: ${formatCount(count)}</title></rect>
`;
}

/** Newest first, as a person asks. */
function renderTable(counts: readonly number[]): Markup {
  const rows: Markup[] = [];
  for (let from = 0; from < counts.length; from += TABLE_ROW_MINUTES) {
    const part = counts.slice(counts.length - from - TABLE_ROW_MINUTES, counts.length - from);
    const count = part.reduce((sum, one) => sum + one, 0);
    const span = markup`${from} to ${from + TABLE_ROW_MINUTES} minutes ago`;
    rows.push(markup`<tr><th scope="row">${span}</th><td>${formatCount(count)}</td></tr>`);
  }
  return markup`<table><thead><tr><th scope="col">When</th><th scope="col">Events</th></tr></thead>
<tbody>${rows}</tbody></table>`;
}

/** The next 1, 2, 5, 10, 20, 50 …, and 10 at least. */
function ceilNicely(count: number): number {
  let unit = 1;
  while (unit * 10 < count) unit *= 10;
  const nice = [1, 2, 5, 10].find((step) => step * unit >= count)! * unit;
  return Math.max(nice, 10);
}
