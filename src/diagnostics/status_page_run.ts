/** The parts of the status page that tell of the run as a whole. */
import { type Markup, markup } from "./markup.ts";
import type { Trouble } from "./run_snapshot.ts";
import { listAttention } from "./status_attention.ts";
import { isInTheWay, PEER_TITLES } from "./status_headline.ts";
import type { StatusReport } from "./status_report.ts";
import { formatAgo, formatCount, formatNumberOf, formatSpan, formatTime } from "./status_words.ts";

const ARROW = markup`<li class="arrow" aria-hidden="true"><svg viewBox="0 0 40 16">
<path d="M1 8H38M32 2.5L38 8L32 13.5"/></svg></li>`;

const WAYS = { paged: "read by pages", bulk: "bulk export, read by chunks" };

/** What needs attention; hidden, but there, when nothing does, so that the rest keeps its place. */
export function renderAttention(report: StatusReport): Markup {
  const items = listAttention(report).map(({ advice, detail, title, tone }) =>
    markup`<li class="${tone}"><span class="dot" aria-hidden="true"></span><h3>${title}</h3>
<p>${detail}</p>
<p class="quiet">${advice}</p></li>`
  );
  const hidden = items.length === 0 ? markup` hidden` : undefined;
  return markup`<section class="card attention" aria-labelledby="attention"${hidden}>
<h2 id="attention">Needs attention</h2>
<ul>${items}</ul>
</section>`;
}

/** Where events come from, and where they go. */
export function renderRoute(report: StatusReport): Markup {
  const { inFlightEvents, isDryRun, logUrl, mode, queue, sessions, teleport } = report;
  const role = report.replica?.role;
  const way = role === "joining"
    ? "not read without a lease"
    : role === "follower"
    ? "another replica reads the audit log"
    : mode === undefined
    ? "no answer yet"
    : WAYS[mode];
  const route = report.route === undefined ? undefined : markup`<br>${report.route}`;
  return markup`<section class="card" aria-label="From where to where">
<ol class="route">
<li><p class="name">Teleport</p>
<p class="address">${teleport}</p>
<p class="note">${describePeer(report, "source") ?? way}${route}</p></li>
${ARROW}
<li><p class="name">Event handler</p>
<p class="address">${formatNumberOf(queue.events, "event")} waiting</p>
<p class="note">${formatCount(inFlightEvents)} on the way</p></li>
${ARROW}
<li><p class="name">Fluentd</p>
<p class="address">${isDryRun ? "dry run, nothing is sent" : breakAtPath(logUrl)}</p>
<p class="note">${
    describePeer(report, "receiver") ??
      (sessions === undefined ? "no recordings" : describeSessionUrl(report))
  }</p></li>
</ol>
</section>`;
}

/** The figures that are looked for first. */
export function renderFacts(report: StatusReport): Markup {
  const { deliveredPerMinute, events, lagMs, lastDeliveredAtMs, lastEvent, nowMs } = report;
  const lastMinute = deliveredPerMinute.at(-2) ?? 0;
  const facts = [
    {
      name: "Behind by",
      figure: lagMs === undefined ? "–" : formatSpan(lagMs),
      note: describeStanding(report),
    },
    {
      name: "Last event",
      figure: lastDeliveredAtMs === undefined ? "–" : formatAgo(lastDeliveredAtMs, nowMs),
      note: lastEvent === undefined
        ? "none in this run"
        : markup`<code>${lastEvent.type}</code> of ${formatTime(lastEvent.timeMs)}<br>
<code>${lastEvent.id}</code>`,
    },
    {
      name: "Delivered",
      figure: formatCount(events.log.delivered),
      note: describeDelivered(report),
    },
    {
      name: "Last full minute",
      figure: formatCount(lastMinute),
      note: `${lastMinute === 1 ? "event" : "events"}, recordings included`,
    },
  ];
  return markup`<section class="card" aria-label="Figures">
<dl class="facts">
${
    facts.map(({ figure, name, note }) =>
      markup`<div><dt>${name}</dt><dd class="figure">${figure}</dd><dd>${note}</dd></div>
`
    )
  }</dl>
</section>`;
}

function describeStanding(
  { caughtUpAtMs, isCaughtUp, readFromMs, troubles }: StatusReport,
): Markup {
  const trouble = troubles.find(isInTheWay);
  if (trouble !== undefined) return markup`held up by ${PEER_TITLES[trouble.peer]}`;
  if (isCaughtUp && caughtUpAtMs !== undefined) {
    return markup`caught up since ${formatTime(caughtUpAtMs)}`;
  }
  return readFromMs === undefined
    ? markup`not known yet`
    : markup`reading from ${formatTime(readFromMs)}`;
}

function describeDelivered({ events: { log, session } }: StatusReport): string {
  const parts = ["events of the audit log in this run"];
  if (log.filtered > 0) parts.push(`${formatCount(log.filtered)} left out by the settings`);
  if (session.delivered > 0) parts.push(`${formatCount(session.delivered)} of recordings`);
  return parts.join("; ");
}

/** A long URL is broken before its path, not in the middle of the port. */
function breakAtPath(url: string): Markup {
  const path = url.lastIndexOf("/") > url.indexOf("//") + 1 ? url.indexOf("/", 8) : url.length;
  return markup`${url.slice(0, path)}<wbr>${url.slice(path)}`;
}

function describeSessionUrl({ logUrl, sessionUrl }: StatusReport): Markup {
  const origin = logUrl.slice(0, logUrl.indexOf("/", 8));
  const url = sessionUrl.startsWith(`${origin}/`) ? sessionUrl.slice(origin.length) : sessionUrl;
  return markup`recordings to ${breakAtPath(url)}`;
}

function describePeer({ troubles }: StatusReport, peer: Trouble["peer"]): Markup | undefined {
  const trouble = troubles.filter(isInTheWay).find((trouble) => trouble.peer === peer);
  if (trouble === undefined) return undefined;
  const [tone, words] = trouble.lasting ? ["bad", "needs attention"] : ["warning", "not available"];
  return markup`<span class="word ${tone}">${words}</span>`;
}
