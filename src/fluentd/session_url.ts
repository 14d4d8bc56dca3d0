import { Fault } from "../core/fault.ts";
import { quotePeer } from "../core/quote_peer.ts";
import { isSessionId } from "../core/session_id.ts";

const PLACEHOLDER = "{sid}";

/**
 * The URL that the events of a session recording go to. Where the setting holds `{sid}`, the id takes
 * its place, in the path or the query; otherwise `.<sid>.log` is appended to the path, as the Go
 * handler does, and a query stays behind it.
 *
 * @throws {Fault} of kind `protocol` for what is no session id: it could leave its place in the URL.
 */
export function formatSessionUrl(sessionUrl: string, sessionId: string): string {
  if (!isSessionId(sessionId)) {
    throw new Fault("protocol", `Not a session id: ${JSON.stringify(quotePeer(sessionId))}`);
  }
  if (sessionUrl.includes(PLACEHOLDER)) return sessionUrl.replaceAll(PLACEHOLDER, sessionId);
  const queryAt = sessionUrl.indexOf("?");
  const path = queryAt === -1 ? sessionUrl : sessionUrl.slice(0, queryAt);
  const query = queryAt === -1 ? "" : sessionUrl.slice(queryAt);
  // Without a path, what is appended would become part of the port or of the host's name.
  const root = /^[a-z]+:\/\/[^/]+$/i.test(path) ? "/" : "";
  return `${path}${root}.${sessionId}.log${query}`;
}
