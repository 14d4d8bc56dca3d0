import { InvalidValue } from "./invalid_value.ts";

/**
 * Checks an http or https URL and returns it as it was given. What a server says may fill in its path
 * and its query, and never where it leads to.
 *
 * @throws {InvalidValue} If it is no URL, holds a user name, a password or a fragment, or blanks, or a
 * placeholder before its path.
 */
export function parseHttpUrl(text: string, example: string): string {
  const hint = `Write it like ${example}`;
  if (!/^https?:\/\/[^/]/i.test(text)) throw new InvalidValue("Not an http or https URL", hint);
  if (/[\s\\\p{Cc}]/u.test(text)) {
    throw new InvalidValue("Not a URL: it holds a blank, a backslash or a control character", hint);
  }
  if (/^[^/]*\/\/(?:[^/?#]*@)?[^/?#@]*[{}][^/?#@]*(?:[/?#]|$)/.test(text)) {
    throw new InvalidValue(
      "Placeholders are for the path and the query of a URL, not for its host or port",
      `Write host and port as they are, like ${example}`,
    );
  }
  const url = URL.parse(text);
  if (url === null) throw new InvalidValue("Not a URL: its host or port is not valid", hint);
  if (url.username !== "" || url.password !== "") {
    throw new InvalidValue(
      "A user name and password in the URL are not supported",
      "Remove them; Fluentd is told who is asking by the client certificate (fluentd-cert, fluentd-key)",
    );
  }
  if (text.includes("#")) {
    throw new InvalidValue(
      "A fragment (#…) in the URL is never sent",
      "Remove the # and what follows",
    );
  }
  return text;
}

/** Whether a text is meant as a URL, as opposed to a path. */
export function isUrlText(text: string): boolean {
  return /^(https?:|[a-z][a-z0-9+.-]+:[/\\]{2})/i.test(text);
}

/**
 * Checks the URL of a KV Connect server and returns it without a slash at its end.
 *
 * @throws {InvalidValue} as `parseHttpUrl`, and if it holds a query.
 */
export function parseServerUrl(text: string): string {
  const example = "https://kv.example.com, or give a directory, like ./storage";
  if (/^[^?#]*@/.test(text)) {
    throw new InvalidValue(
      "A user name and password in the URL are not supported",
      "Remove them; the server is told who is asking by its access token (DENO_KV_ACCESS_TOKEN)",
    );
  }
  const url = parseHttpUrl(text, example);
  if (url.includes("?")) {
    throw new InvalidValue("A query (?…) in the URL is not supported", `Write it like ${example}`);
  }
  return url.replace(/\/+$/, "");
}

/** Whether the URL leads to this machine by name or address. */
export function isLoopbackUrl(text: string): boolean {
  const host = new URL(text).hostname;
  return host === "localhost" || host.endsWith(".localhost") || host === "[::1]" ||
    /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** Hides what may be a secret in a URL, well-formed or not: user name, password, query values. */
export function redactUrl(text: string): string {
  return text
    // Any number of slashes of either kind leads to the user name.
    .replace(/^((?:[^/\\?#]*[/\\][/\\\s]*)?)[^/\\?#]*@/, "$1***@")
    .replace(/([?&][^=&#]*=)[^&#]+/g, "$1***");
}
