/** The cards of the status page, each about one part of the run. */
import { type Markup, markup } from "./markup.ts";
import type { StreamCounts, Trouble } from "./run_snapshot.ts";
import { CREDENTIAL_TITLES, judgeCertificate, QUARANTINE_ADVICE } from "./status_attention.ts";
import { PEER_TITLES } from "./status_headline.ts";
import type { StatusReport } from "./status_report.ts";
import {
  formatAgo,
  formatCount,
  formatDay,
  formatNumberOf,
  formatSpan,
  formatTime,
} from "./status_words.ts";
import { describeQuarantinePlace } from "./storage_words.ts";

const PEERS: readonly Trouble["peer"][] = ["source", "receiver", "state"];

/** How far the backlog is worked off, and the chunks where the log is read by them. */
export function renderBacklog(report: StatusReport): Markup {
  const { chunks, isCaughtUp, progress, queue } = report;
  const known = queue.events > 0
    ? `${formatNumberOf(queue.events, "event")} waiting`
    : isCaughtUp
    ? "None"
    : "Not known yet";
  const state = progress === undefined
    ? markup`<p><strong>${known}</strong></p>
<p class="note">How much is left, and how long it takes, is shown here while catching up.</p>`
    : renderProgress(report, progress);
  return card(
    "Backlog",
    markup`${state}${
      chunks === undefined ? undefined : markup`
<h3>Chunks that are not done</h3>
${renderPool(chunks)}`
    }`,
  );
}

function renderProgress(
  { serverNowMs }: StatusReport,
  { leftMs, perSecond, positionMs, share }: NonNullable<StatusReport["progress"]>,
): Markup {
  const percent = share === undefined ? undefined : Math.floor(share * 100);
  const done = percent === undefined ? "Share not known yet" : `${percent} % done`;
  const left = leftMs === undefined
    ? "time left not known yet"
    : `about ${formatSpan(leftMs)} left`;
  const value = percent === undefined ? undefined : markup` value="${percent}"`;
  const rate = perSecond === undefined ? undefined : `${formatCount(perSecond)} events a second.`;
  const reached = positionMs === undefined
    ? undefined
    : markup`Reached ${formatTime(positionMs)}, ${
      formatSpan(serverNowMs - positionMs)
    } before now. `;
  return markup`<progress aria-label="Backlog worked off" max="100"${value}>${done}</progress>
<p><strong>${done}</strong>, ${left}.</p>
<p class="note">${reached}${rate}</p>`;
}

/** Recordings by what they do. */
export function renderSessions(report: StatusReport): Markup {
  const { events: { session }, sessions, sessionsGivenUp, sessionsSent } = report;
  const title = "Session recordings";
  if (sessions === undefined) return card(title, markup`<p>Not forwarded in this run.</p>`);
  return card(
    title,
    markup`${renderPool(sessions)}
<p class="note">${formatCount(sessionsSent)} sent with ${
      formatNumberOf(session.delivered, "event")
    }${
      sessionsGivenUp === 0 ? undefined : `, ${formatCount(sessionsGivenUp)} given up`
    } in this run. Parked ones wait for another try.</p>`,
  );
}

/** What had to be tried again, and why. */
export function renderRetries({ lastTrouble, nowMs, retries, troubles }: StatusReport): Markup {
  const isOver = lastTrouble !== undefined && troubles.length === 0;
  return card(
    "Retries",
    markup`<dl class="pairs">${
      PEERS.map((peer) =>
        markup`<div><dt>${PEER_TITLES[peer]}</dt><dd>${formatCount(retries[peer])}</dd></div>`
      )
    }</dl>
<p class="note">${
      lastTrouble === undefined
        ? "None in this run."
        : markup`Last cause, ${formatAgo(lastTrouble.sinceMs, nowMs)}${
          isOver ? ", over now" : ""
        }: ${PEER_TITLES[lastTrouble.peer]}, <q>${lastTrouble.reason}</q>`
    }</p>`,
  );
}

/** How many events nobody takes, and what to do with them. */
export function renderQuarantine({ quarantined, storage }: StatusReport): Markup {
  const count = quarantined === undefined
    ? "Not counted yet"
    : quarantined === 0
    ? "Empty"
    : formatNumberOf(quarantined, "event");
  const advice = quarantined === undefined || quarantined === 0
    ? markup`Events that the receiver refuses would lie here, and the export would go on.`
    : markup`${describeQuarantinePlace(storage)} ${QUARANTINE_ADVICE}`;
  return card("Quarantine", markup`<p><strong>${count}</strong></p><p class="note">${advice}</p>`);
}

/** The certificates in use, and how long they live. */
export function renderCertificates({ credentials, nowMs }: StatusReport): Markup {
  if (credentials.length === 0) return card("Certificates", markup`<p>None are watched.</p>`);
  const rows = credentials.map((credential) => {
    const { name, notAfterMs, subject } = credential;
    const tone = judgeCertificate(credential, nowMs);
    const left = notAfterMs <= nowMs ? "expired" : `${formatSpan(notAfterMs - nowMs)} left`;
    return markup`<tr><th scope="row">${
      CREDENTIAL_TITLES[name]
    }<br><span class="note">${subject}</span></th>
<td><span${tone === "good" ? undefined : markup` class="word ${tone}"`}>${left}</span><br>
<span class="note">${formatDay(notAfterMs)}</span></td></tr>`;
  });
  return card(
    "Certificates",
    markup`<table><thead><tr><th scope="col">Certificate</th><th scope="col">Ends</th></tr></thead>
<tbody>${rows}</tbody></table>`,
  );
}

const CONDITION_TITLES: { readonly [name in StatusReport["conditions"][number]["name"]]: string } =
  {
    running: "Running",
    teleport: "Teleport answers",
    receiver: "Fluentd answers",
    "receiver-setup": "Fluentd accepts",
    store: "State is stored",
    credentials: "Certificates are valid",
    progress: "Events flow",
  };

/** The conditions of readiness, as `/readyz` judges them. */
export function renderConditions({ conditions }: StatusReport): Markup {
  const rows = conditions.map(({ name, problem }) =>
    markup`<li class="${
      problem === undefined ? "good" : "bad"
    }"><span class="dot" aria-hidden="true"></span>
<span>${CONDITION_TITLES[name]}</span><span class="word">${
      problem === undefined ? "yes" : "no"
    }</span>${problem === undefined ? undefined : markup`<p>${problem}</p>`}</li>`
  );
  return card("Readiness", markup`<ul class="checks">${rows}</ul>`);
}

/** Who shares the work; nothing where nobody does, or where that is not known. */
export function renderReplicas({ replica }: StatusReport): Markup | undefined {
  if (replica === undefined || replica.replicas.length === 0) return undefined;
  const rows = replica.replicas.map(({ claims, isLeader, isSelf, name, seenAgoMs }) => {
    const seen = isSelf ? "this one" : `seen ${formatSpan(seenAgoMs)} ago`;
    return markup`<tr><th scope="row">${name}<br><span class="note">${
      isLeader ? "leads" : "follows"
    }, ${seen}</span></th>
<td>${formatCount(claims)}</td></tr>`;
  });
  const epoch = replica.epoch === undefined ? undefined : markup`Epoch ${replica.epoch}. `;
  return card(
    "Replicas",
    markup`<table><thead><tr><th scope="col">Replica</th><th scope="col">Forwards</th></tr></thead>
<tbody>${rows}</tbody></table>
<p class="note">${epoch}Recordings and chunks are shared out; the one that leads reads the audit log.
${formatNumberOf(replica.takeovers, "stream")} taken over in this run.</p>`,
  );
}

function renderPool({ parked, ready, running }: StreamCounts): Markup {
  const rows = [["Active", running], ["Waiting", ready], ["Parked", parked]] as const;
  return markup`<dl class="pairs">${
    rows.map(([title, count]) => markup`<div><dt>${title}</dt><dd>${formatCount(count)}</dd></div>`)
  }</dl>`;
}

function card(title: string, content: Markup): Markup {
  const id = title.toLowerCase().replaceAll(" ", "-");
  return markup`<section class="card" aria-labelledby="${id}">
<h2 id="${id}">${title}</h2>
${content}
</section>`;
}
