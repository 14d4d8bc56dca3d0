import type { CredentialName, CredentialStatus } from "../core/credential_status.ts";
import { type Markup, markup } from "./markup.ts";
import type { Stall, Trouble } from "./run_snapshot.ts";
import { PEER_TITLES, type Tone } from "./status_headline.ts";
import type { StatusReport } from "./status_report.ts";
import { formatAgo, formatCount, formatNumberOf, formatSpan, formatTime } from "./status_words.ts";
import { adviseOnStorage, describeQuarantinePlace } from "./storage_words.ts";

/** Something that a person should know of, and what to do. */
export interface AttentionItem {
  readonly tone: Exclude<Tone, "good" | "busy">;
  readonly title: string;
  readonly detail: Markup;
  readonly advice: Markup;
}

/** What to do with events in quarantine. */
export const QUARANTINE_ADVICE = markup`<code>teleport-event-handler state quarantine list</code>
tells why; with <code>replay</code> they are sent again once the reason is gone.`;

/** What a person calls the credentials. */
export const CREDENTIAL_TITLES: { readonly [name in CredentialName]: string } = {
  teleport_client: "For Teleport",
  teleport_ca: "Teleport's authority",
  fluentd_client: "For Fluentd",
  fluentd_ca: "Fluentd's authority",
};

/** More of a kind are counted, not listed. */
const MAX_LISTED = 5;
/** A certificate is told of when so little of its life is left, and no earlier than so long before. */
const LATE_SHARE = 0.25;
const LATE_MS = 30 * 86_400_000;

/** Everything that needs attention, worst first. */
export function listAttention(report: StatusReport): readonly AttentionItem[] {
  const { nowMs } = report;
  const items = [
    ...listTroubles(report),
    ...listStoreProblem(report),
    ...listLimited(report.stalls.map((stall) => describeStall(stall, nowMs))),
    ...report.credentials.flatMap((credential) => describeCredential(credential, nowMs)),
    ...listLosses(report),
  ];
  const isBad = ({ tone }: AttentionItem) => tone === "bad";
  return [...items.filter(isBad), ...items.filter((item) => !isBad(item))];
}

/** How the life of a certificate stands. */
export function judgeCertificate(
  { notAfterMs, notBeforeMs }: CredentialStatus,
  nowMs: number,
): Exclude<Tone, "busy"> {
  const leftMs = notAfterMs - nowMs;
  if (leftMs <= 0) return "bad";
  return leftMs <= Math.min(LATE_SHARE * (notAfterMs - notBeforeMs), LATE_MS) ? "warning" : "good";
}

/** A receiver that is away is the same trouble for each stream, and told of once. */
function listTroubles({ nowMs, troubles }: StatusReport): readonly AttentionItem[] {
  const groups = Map.groupBy(
    troubles,
    ({ lasting, peer, reason }) => `${peer} ${lasting} ${reason}`,
  );
  return listLimited([...groups.values()].map((group) => describeTroubles(group, nowMs)));
}

function describeTroubles(group: readonly Trouble[], nowMs: number): AttentionItem {
  const { attempt, lasting, nextTryMs, peer, reason, streamId } = group[0]!;
  const sinceMs = Math.min(...group.map((trouble) => trouble.sinceMs));
  const next = nextTryMs <= nowMs
    ? "it is being tried again now"
    : `next try in ${formatSpan(nextTryMs - nowMs)}`;
  const others = group.length === 1
    ? ""
    : ` and ${formatNumberOf(group.length - 1, "other stream")}`;
  return {
    tone: lasting ? "bad" : "warning",
    title: `${PEER_TITLES[peer]} ${lasting ? "needs attention" : "is not available"}`,
    detail: markup`<q>${reason}</q><br>Stream ${streamId}${others}, attempt ${
      formatCount(attempt)
    }, since ${formatTime(sinceMs)}; ${next}.`,
    advice: lasting
      ? markup`Search docs/troubleshooting.md for these words: a setting or a permission must change.`
      : markup`It is tried again by itself. If it lasts, look at the other side.`,
  };
}

function listStoreProblem(
  { storage, storeProblem, troubles }: StatusReport,
): readonly AttentionItem[] {
  if (storeProblem === undefined || troubles.some(({ peer }) => peer === "state")) return [];
  return [{
    tone: "bad",
    title: "The state cannot be written",
    detail: markup`<q>${storeProblem}</q>`,
    advice: adviseOnStorage(storage),
  }];
}

function describeStall({ reason, sinceMs, streamId }: Stall, nowMs: number): AttentionItem {
  return {
    tone: "warning",
    title: `Stream ${streamId} makes no progress`,
    detail: markup`<q>${reason}</q><br>Since ${formatTime(sinceMs)}, ${formatAgo(sinceMs, nowMs)}.`,
    advice: markup`Look at Teleport's auth server: it says that it has more.`,
  };
}

function describeCredential(credential: CredentialStatus, nowMs: number): AttentionItem[] {
  const { name, notAfterMs, path, problem } = credential;
  const title = CREDENTIAL_TITLES[name].replace(/^For/, "Certificate for");
  const tone = judgeCertificate(credential, nowMs);
  const items: AttentionItem[] = [];
  if (tone !== "good") {
    items.push({
      tone,
      title: tone === "bad"
        ? `${title} has expired`
        : `${title} ends in ${formatSpan(notAfterMs - nowMs)}`,
      detail: markup`<code>${path}</code>, until ${formatTime(notAfterMs)}.`,
      advice: markup`Put a new one in its place; it is taken without a restart.`,
    });
  }
  if (problem !== undefined) {
    items.push({
      tone: "warning",
      title: `${title}: new files are not in use`,
      detail: markup`<q>${problem}</q><br><code>${path}</code>`,
      advice:
        markup`Mend the files; they are read again by themselves. The old ones stay in use until then.`,
    });
  }
  return items;
}

/** What did not arrive, and will not by itself. */
function listLosses(
  { quarantined = 0, sessionsGivenUp, storage }: StatusReport,
): readonly AttentionItem[] {
  const items: AttentionItem[] = [];
  if (quarantined > 0) {
    items.push({
      tone: "warning",
      title: `${formatNumberOf(quarantined, "event")} in quarantine`,
      detail: describeQuarantinePlace(storage),
      advice: QUARANTINE_ADVICE,
    });
  }
  if (sessionsGivenUp > 0) {
    items.push({
      tone: "warning",
      title: `${formatNumberOf(sessionsGivenUp, "recording")} given up`,
      detail: markup`What had not come of it by then will not arrive.`,
      advice: markup`The log names each, with the reason, in a line that begins with “Given up”.`,
    });
  }
  return items;
}

function listLimited(items: readonly AttentionItem[]): readonly AttentionItem[] {
  if (items.length <= MAX_LISTED) return items;
  return [...items.slice(0, MAX_LISTED), {
    tone: "warning",
    title: `${formatCount(items.length - MAX_LISTED)} more of these`,
    detail: markup`Other streams wait, too, each for a reason of its own.`,
    advice: markup`The log has them all.`,
  }];
}
