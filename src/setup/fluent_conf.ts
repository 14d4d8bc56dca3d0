import { type FluentSourceOptions, renderFluentSource, renderTlsFiles } from "./fluent_source.ts";

/** Name of the configuration for a first try. */
export const FLUENT_CONF = "fluent.conf";

/**
 * Renders the configuration for a first try: every event is printed. There is no `<buffer>`, because
 * printing needs none; the destinations have theirs inside of `<match>`, where it works.
 */
export function renderFluentConf(options: FluentSourceOptions): string {
  return `# Fluentd for the Teleport event handler. For Fluentd 1.12.4 and newer.
#
# The paths of the URLs that the event handler posts to become tags: /events.log becomes events.log,
# and /session with .<session id>.log behind it becomes session.<session id>.log.

${renderFluentSource(options)}
# Events of the audit log: /events.log, or /test.log with settings of the official event handler.
# To see that they come, they are printed. For production, put an output in place of stdout
# (configure --for panther, splunk, elastic, datadog or s3 writes one), with its <buffer> inside of
# <match>: in <source> Fluentd ignores it. In the <buffer>, "@type file" survives a restart, a
# chunk_limit_size of 16m or more holds the largest event, and "overflow_action throw_exception"
# makes the event handler wait and send again when the buffer is full, so that nothing is lost.
<match events.log test.log>
  @type stdout
</match>

# Events of session recordings. The id has no dots, so that session.*.log matches; session.* does not.
<match session.*.log>
  @type stdout
</match>
`;
}

/** Renders the configuration that the official handler writes, for those who depend on it. */
export function renderClassicFluentConf(options: FluentSourceOptions): string {
  return `<source>
    @type http
    port 8888

    <transport tls>
        client_cert_auth true

        # We are going to run fluentd in Docker. /keys will be mounted from the host file system.
${renderTlsFiles(options).replaceAll(/^ {4}/gm, " ".repeat(8))}${
    options.passphrase === undefined ? "" : " # Passphrase generated along with the keys"
  }
    </transport>

    <parse>
      @type json
      json_parser oj

      # This time format is used by the plugin. This field is required.
      time_type string
      time_format %Y-%m-%dT%H:%M:%S
    </parse>
</source>

# Events sent to test.log will be dumped to STDOUT.
<match test.log>
  @type stdout
</match>

# Events sent to session.*.log will be dumped to STDOUT.
<match session.*.log>
  @type stdout
</match>
`;
}
