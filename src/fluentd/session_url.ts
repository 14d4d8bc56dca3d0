const PLACEHOLDER = "{sid}";

/**
 * The URL that the events of a session recording go to. Where the setting holds `{sid}`, the id takes
 * its place, in the path or the query; otherwise `.<sid>.log` is appended to the path, as the Go
 * handler does, and a query stays behind it.
 *
 * `sessionId` must be a session id (src/core/session_id.ts), which cannot leave its place in a URL.
 */
export function formatSessionUrl(sessionUrl: string, sessionId: string): string {
  if (sessionUrl.includes(PLACEHOLDER)) return sessionUrl.replaceAll(PLACEHOLDER, sessionId);
  const queryAt = sessionUrl.indexOf("?");
  const path = queryAt === -1 ? sessionUrl : sessionUrl.slice(0, queryAt);
  const query = queryAt === -1 ? "" : sessionUrl.slice(queryAt);
  // Without a path, what is appended would become part of the port or of the host's name.
  const root = /^[a-z]+:\/\/[^/]+$/i.test(path) ? "/" : "";
  return `${path}${root}.${sessionId}.log${query}`;
}
