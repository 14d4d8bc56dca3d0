import { createHash } from "node:crypto";
import { Markup, markup } from "./markup.ts";
import { renderMinuteChart } from "./status_chart.ts";
import { findHeadline, type Tone } from "./status_headline.ts";
import {
  renderBacklog,
  renderCertificates,
  renderConditions,
  renderQuarantine,
  renderReplicas,
  renderRetries,
  renderSessions,
} from "./status_page_cards.ts";
import { PALETTES } from "./status_page_colors.ts";
import { renderAttention, renderFacts, renderRoute } from "./status_page_run.ts";
import { STATUS_PAGE_SCRIPT } from "./status_page_script.ts";
import { STATUS_PAGE_STYLE } from "./status_page_style.ts";
import type { StatusReport } from "./status_report.ts";
import { formatSpan, formatTime } from "./status_words.ts";

/**
 * What the page may do: run its one script, wear its one style, ask the server that it came from.
 * Nothing that a peer writes into it could be run or fetched, even if it were not escaped.
 */
export const STATUS_PAGE_POLICY = [
  "default-src 'none'",
  `script-src '${hashOf(STATUS_PAGE_SCRIPT)}'`,
  `style-src '${hashOf(STATUS_PAGE_STYLE)}'`,
  "img-src data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** Writes the whole page. It is complete without its script, which only keeps it up to date. */
export function renderStatusPage(report: StatusReport): string {
  const headline = findHeadline(report);
  const { nowMs, startedAtMs, version } = report;
  return markup`<!DOCTYPE html>
<html lang="en" data-version="${version}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${headline.title} · teleport-event-handler</title>
<link rel="icon" href="${drawIcon(headline.tone)}">
<style>${new Markup(STATUS_PAGE_STYLE)}</style>
</head>
<body>
<header>
<p class="brand">teleport-event-handler</p>
<p class="quiet">Version ${version}, running for ${formatSpan(nowMs - startedAtMs)}</p>
</header>
<div id="connection" role="status"></div>
<main>
<div class="headline ${headline.tone}" role="status">
<span class="dot" aria-hidden="true"></span>
<h1>${headline.title}</h1>
<p>${headline.text}</p>
</div>
${renderAttention(report)}
${renderRoute(report)}
${renderFacts(report)}
<section class="card" aria-labelledby="minutes">
<h2 id="minutes">Events a minute</h2>
${renderMinuteChart(report.deliveredPerMinute)}
</section>
<div class="cards">
${renderBacklog(report)}
${renderSessions(report)}
${renderRetries(report)}
${renderQuarantine(report)}
${renderCertificates(report)}
${renderConditions(report)}
${renderReplicas(report)}
</div>
</main>
<footer>
<p>As of ${formatTime(nowMs)}. Started ${formatTime(startedAtMs)}.<noscript> Reload for newer
figures: scripts are off.</noscript></p>
<nav aria-label="The same for programs">
<a href="status.json">status.json</a>
<a href="metrics">metrics</a>
<a href="readyz?verbose">readyz</a>
</nav>
</footer>
<script>${new Markup(STATUS_PAGE_SCRIPT)}</script>
</body>
</html>
`.text;
}

/** A dot in the colour of the headline. */
function drawIcon(tone: Tone): string {
  const circle = `<circle cx="8" cy="8" r="6" fill="${PALETTES.light[tone]}"/>`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">${circle}</svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}

function hashOf(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
