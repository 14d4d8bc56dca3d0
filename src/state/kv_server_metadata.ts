import { quotePeer } from "../core/quote_peer.ts";
import { nonsenseFault } from "./kv_server_fault.ts";

/** Versions of the protocol that are spoken. */
export const KV_VERSIONS: readonly number[] = [2, 3];

/** What a server says about itself before the first call. */
export interface KvServerMetadata {
  readonly version: number;
  readonly databaseId: string;
  /** Where reads and writes go, without a slash at its end. */
  readonly endpoint: string;
  /** What authorizes them. */
  readonly token: string;
  /** When it has to be asked for anew, in milliseconds from when it was given. */
  readonly lifetimeMs: number;
}

/** What it was asked with, and when. */
export interface AskedWith {
  /** How the server is called in messages. */
  readonly name: string;
  readonly url: string;
  readonly token: string;
  readonly nowMs: number;
}

/** Clocks differ: at least so long what a server said counts as valid. It is asked again when it denies it. */
const MIN_LIFETIME_MS = 10_000;
const MAX_LIFETIME_MS = 60 * 60 * 1000;

/** Parses the answer to the exchange of metadata. @throws {Fault} of kind `state`. */
export function parseKvMetadata(text: string, asked: AskedWith): KvServerMetadata {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    throw nonsenseFault(asked.name, "answers what is no JSON");
  }
  if (typeof answer !== "object" || answer === null) {
    throw nonsenseFault(asked.name, "answers JSON that is no object");
  }
  const { databaseId, endpoints, expiresAt, token, uuid, version } = answer as {
    readonly [name: string]: unknown;
  };
  if (typeof version !== "number" || !KV_VERSIONS.includes(version)) {
    const told = quotePeer(JSON.stringify(version) ?? "none");
    throw nonsenseFault(
      asked.name,
      `speaks version ${told} of KV Connect, and this program ${KV_VERSIONS.join(" and ")}`,
    );
  }
  const id = databaseId ?? uuid;
  if (!isHeaderText(id)) throw nonsenseFault(asked.name, "does not say which database it has");
  if (!isHeaderText(token)) throw nonsenseFault(asked.name, "gives no token for reads and writes");
  return {
    version,
    databaseId: id,
    token,
    endpoint: chooseEndpoint(endpoints, token, asked),
    lifetimeMs: lifetimeOf(expiresAt, asked),
  };
}

/**
 * The first place for consistent reads and writes. What goes there is the state, and a token that opens
 * it: so not in clear to anywhere but the URL of the settings itself, and the token of the settings, which
 * is worth more than one that the server made for a while, to no other host at all.
 */
function chooseEndpoint(endpoints: unknown, token: string, asked: AskedWith): string {
  const strong = Array.isArray(endpoints)
    ? endpoints.find((endpoint) => endpoint?.consistency === "strong")
    : undefined;
  if (typeof strong?.url !== "string") {
    throw nonsenseFault(asked.name, "names no place for consistent reads and writes");
  }
  const url = URL.parse(strong.url, asked.url);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username + url.password !== "") {
    throw nonsenseFault(
      asked.name,
      "names a place for reads and writes that is no URL of http or https",
    );
  }
  const { origin } = new URL(asked.url);
  const shown = quotePeer(url.origin);
  if (url.protocol === "http:" && url.origin !== origin) {
    throw nonsenseFault(asked.name, `sends reads and writes in clear to '${shown}'`);
  }
  if (url.origin !== origin && token === asked.token) {
    throw nonsenseFault(
      asked.name,
      `sends reads and writes, with the token of the settings, to '${shown}'`,
    );
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}

function lifetimeOf(expiresAt: unknown, asked: AskedWith): number {
  const endMs = typeof expiresAt === "string" ? Date.parse(expiresAt) : NaN;
  if (isNaN(endMs)) throw nonsenseFault(asked.name, "does not say until when its answer holds");
  // Some of it is left for the call that it is used for.
  return Math.min(Math.max(0.8 * (endMs - asked.nowMs), MIN_LIFETIME_MS), MAX_LIFETIME_MS);
}

/** Whether it can stand in a header as it is. */
function isHeaderText(value: unknown): value is string {
  return typeof value === "string" && /^[\x21-\x7e]{1,8192}$/.test(value);
}
