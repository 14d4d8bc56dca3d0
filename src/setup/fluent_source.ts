import type { SetupOptions } from "./setup_options.ts";

/** What stands in a fluent.conf where the passphrase of a kept key is not known. */
export const UNKNOWN_PASSPHRASE = "REPLACE_passphrase_of_the_server_key";

/** What the `<source>` of a fluent.conf depends on. */
export interface FluentSourceOptions {
  readonly names: SetupOptions["names"];
  /** Passphrase of the server key; undefined when the key is not encrypted. */
  readonly passphrase: string | undefined;
}

/** Renders the `<source>` that the handler posts to. */
export function renderFluentSource(options: FluentSourceOptions): string {
  return `<source>
  @type http
  @id teleport_events
  bind 0.0.0.0
  port 8888
  # The event handler sends up to 4 MiB in a request, and more where a single event is larger.
  body_size_limit 32m
  # Longer than the pauses of the event handler, which looks for new events every 5 to 10 seconds.
  keepalive_timeout 60s
  <transport tls>
    # Without these two lines Fluentd speaks TLS 1.2 alone.
    min_version TLSv1_2
    max_version TLSv1_3
    # Only who has a certificate of this authority is let in.
    client_cert_auth true
    # Fluentd runs in Docker with the certificates mounted under /keys. Elsewhere, write their paths.
${renderTlsFiles(options)}
  </transport>
  <parse>
    @type json
    # Milliseconds and the time zone are kept; %Y-%m-%dT%H:%M:%S would lose both.
    time_type string
    time_format %iso8601
    # The event keeps its own time field, which Fluentd removes otherwise.
    keep_time_key true
  </parse>
</source>
`;
}

/** Renders the lines that name the certificates, four blanks in. */
export function renderTlsFiles({ names, passphrase }: FluentSourceOptions): string {
  const lines = [
    `ca_path /keys/${names.ca}.crt`,
    `cert_path /keys/${names.server}.crt`,
    `private_key_path /keys/${names.server}.key`,
    ...(passphrase === undefined ? [] : [`private_key_passphrase ${quoteFluentText(passphrase)}`]),
  ];
  return lines.map((line) => `    ${line}`).join("\n");
}

/** Finds the passphrase in a fluent.conf that {@linkcode renderTlsFiles} wrote. */
export function findFluentPassphrase(conf: string): string | undefined {
  const text = /^\s*private_key_passphrase\s+"((?:[^"\\\n]|\\.)*)"\s*$/m.exec(conf)?.[1];
  return text?.replaceAll(/\\(.)/g, "$1");
}

/**
 * Quotes a text for Fluentd. In double quotes a backslash escapes, and `#{…}` would run as Ruby: the
 * hash sign is escaped too.
 */
function quoteFluentText(text: string): string {
  return `"${text.replaceAll(/[\\"#]/g, "\\$&")}"`;
}
