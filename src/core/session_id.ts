/**
 * What a session id may be made of. Real ones are UUIDs; anything that could leave its place in a URL,
 * a key or a file name is no session id.
 */
const SESSION_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/;

/** Whether a text is a session id that may go into URLs and keys. */
export function isSessionId(text: unknown): text is string {
  return typeof text === "string" && SESSION_ID.test(text);
}
