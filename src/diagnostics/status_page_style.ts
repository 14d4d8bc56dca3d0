import { type Palette, PALETTES } from "./status_page_colors.ts";

/** The style of the status page. It stands in the page itself, which asks for nothing else. */
export const STATUS_PAGE_STYLE = `
:root { color-scheme: light; ${toProperties(PALETTES.light)} }
@media (prefers-color-scheme: dark) {
  :root { color-scheme: dark; ${toProperties(PALETTES.dark)} }
}
* { box-sizing: border-box; }
body {
  margin: 0;
  background: var(--ground);
  color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums;
  overflow-wrap: anywhere;
  -webkit-text-size-adjust: 100%;
}
header, main, footer, #connection { max-width: 66rem; margin-inline: auto; padding-inline: 1.5rem; }
header {
  display: flex; flex-wrap: wrap; justify-content: space-between; gap: .25rem 1rem;
  padding-block: 1.25rem; font-size: .875rem;
}
h1, h2, h3, p, dl, dd, ul, ol, figure { margin: 0; padding: 0; }
ul, ol { list-style: none; }
h1 { font-size: clamp(1.9rem, 1.4rem + 2vw, 2.6rem); line-height: 1.15; letter-spacing: -.02em; }
h2 { font-size: 1rem; font-weight: 600; }
h3 { font-size: .8125rem; font-weight: 600; }
code, .mono { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .8125rem; }
time span { white-space: nowrap; }
q { quotes: "“" "”"; }
a { color: var(--accent); text-underline-offset: .2em; }
a:focus-visible, summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; border-radius: 3px; }
.quiet { color: var(--quiet); }
.brand { font-weight: 600; }
.good { --tone: var(--good); }
.busy { --tone: var(--busy); }
.warning { --tone: var(--warning); }
.bad { --tone: var(--bad); }
.word { color: var(--tone); font-weight: 600; }
.dot {
  display: inline-block; flex: none; width: .6em; height: .6em; border-radius: 50%;
  background: var(--tone); box-shadow: 0 0 0 .22em color-mix(in srgb, var(--tone) 18%, transparent);
}
[hidden] { display: none !important; }

#connection { padding-block: .75rem; }
#connection p {
  padding: .75rem 1rem; border: 1px solid var(--bad); border-radius: .75rem;
  background: var(--surface); color: var(--bad); font-weight: 600;
}
.lost main { filter: saturate(.15); }

main { display: grid; gap: 1.25rem; padding-block: .5rem 2rem; }
.headline { display: grid; grid-template-columns: auto 1fr; align-items: center; gap: 0 .9rem; padding-block: 1rem 1.25rem; }
.headline .dot { font-size: 1.5rem; margin-inline: .25rem; }
.headline p { grid-column: 2; color: var(--quiet); font-size: 1.0625rem; }

.card { background: var(--surface); border: 1px solid var(--line); border-radius: 1rem; padding: 1.25rem 1.5rem; min-width: 0; }
.card > h2 { margin-bottom: .75rem; }
.cards { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1.25rem; }
.cards > .card { display: flex; flex-direction: column; }

.route { display: grid; grid-template-columns: minmax(0, 5fr) auto minmax(0, 4fr) auto minmax(0, 8fr); gap: 1rem; align-items: start; }
.route > li { min-width: 0; }
.route .name { color: var(--quiet); font-size: .8125rem; font-weight: 600; }
.route .address { font-weight: 600; }
.route .arrow { color: var(--quiet); align-self: center; }
.route .arrow svg { display: block; width: 2rem; height: 1rem; fill: none; stroke: currentColor; stroke-width: 1.5; }

.facts { display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 1rem 1.5rem; }
.facts dt, .pairs dt { color: var(--quiet); font-size: .8125rem; }
.facts dd.figure { font-size: 1.5rem; font-weight: 600; line-height: 1.3; letter-spacing: -.01em; }
.facts dd + dd { color: var(--quiet); font-size: .8125rem; }
.pairs { display: grid; grid-template-columns: repeat(auto-fit, minmax(5.5rem, 1fr)); gap: .75rem 1.25rem; }
.pairs dd { font-size: 1.25rem; font-weight: 600; }
.pairs + p, .card p + p { margin-top: .6rem; }
.card .route p + p, .card.attention p + p { margin-top: .1rem; }
.card p + h3 { margin-block: 1rem .4rem; }
.note { color: var(--quiet); font-size: .875rem; }

.attention { --tone: var(--warning); border-color: color-mix(in srgb, var(--tone) 55%, var(--line)); }
.attention li { display: grid; grid-template-columns: auto 1fr; gap: .1rem .75rem; align-items: baseline; padding-block: .75rem; }
.attention li + li { border-top: 1px solid var(--line); }
.attention li > :not(.dot) { grid-column: 2; }
.attention li > .dot { grid-row: 1; }
.attention h3 { font-size: .9375rem; color: var(--tone); grid-row: 1; }
.attention li > p { font-size: .875rem; }
.attention ul { margin-block: -.5rem; }

.chart .plot { position: relative; margin-top: 2rem; }
.chart svg { display: block; width: 100%; height: 8rem; overflow: visible; }
.chart rect { fill: var(--accent); }
.chart rect.current { fill: var(--accent); fill-opacity: .45; }
.chart .grid { stroke: var(--line); stroke-width: 1; vector-effect: non-scaling-stroke; fill: none; }
.chart .top { position: absolute; top: -1.35rem; left: 0; font-size: .75rem; color: var(--quiet); }
.chart .axis { display: flex; justify-content: space-between; border-top: 1px solid var(--line); padding-top: .3rem; font-size: .75rem; color: var(--quiet); }
.chart figcaption { margin-top: .75rem; font-size: .875rem; color: var(--quiet); }
summary { width: fit-content; margin-top: .5rem; color: var(--accent); font-size: .875rem; cursor: pointer; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; margin-top: .5rem; }
th { text-align: left; font-weight: 400; }
thead th { color: var(--quiet); font-size: .8125rem; padding-top: 0; }
th, td { padding: .45rem 0; vertical-align: top; }
th + td, th + th, td + td { padding-left: 1rem; }
tbody tr { border-top: 1px solid var(--line); }
td:last-child, thead th:last-child { text-align: right; }
details table { max-width: 22rem; }

progress { appearance: none; display: block; width: 100%; height: .6rem; border: 0; border-radius: .3rem; overflow: hidden; background: var(--track); margin-block: .25rem .75rem; }
progress::-webkit-progress-bar { background: var(--track); }
progress::-webkit-progress-value { background: var(--accent); border-radius: .3rem; }
progress::-moz-progress-bar { background: var(--accent); border-radius: .3rem; }

.checks { display: grid; gap: .5rem; }
.checks li { display: grid; grid-template-columns: auto 1fr auto; gap: 0 .75rem; align-items: baseline; }
.checks li > p { grid-column: 2 / -1; font-size: .875rem; color: var(--quiet); }

footer { padding-block: 0 2.5rem; display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; justify-content: space-between; font-size: .8125rem; color: var(--quiet); }
footer nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; }

@media (max-width: 56rem) {
  .route { grid-template-columns: minmax(0, 1fr); gap: .75rem; }
  .route .arrow svg { transform: rotate(90deg); width: 1.75rem; margin-left: -.25rem; }
}
@media (max-width: 48rem) {
  header, main, footer, #connection { padding-inline: 1rem; }
  .card { padding: 1.1rem 1.15rem; }
  .cards { grid-template-columns: minmax(0, 1fr); }
  .facts { grid-template-columns: repeat(2, minmax(0, 1fr)); }
}
@media (forced-colors: active) {
  .dot { background: CanvasText; }
  .chart rect { fill: CanvasText; }
}
`;

function toProperties(palette: Palette): string {
  return Object.entries(palette).map(([name, color]) => `--${name}: ${color};`).join(" ");
}
