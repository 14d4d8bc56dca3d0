import type { Destination } from "./destination.ts";
import { renderS3Output, S3_FIELDS } from "./s3.ts";

/**
 * Panther reads a bucket. Its schema Gravitational.TeleportAudit demands `event`, `code` and an RFC
 * 3339 `time`, and knows nothing of session recordings, which must not stand under the same prefix.
 */
export const PANTHER: Destination = {
  title: "Panther",
  gems: ["fluent-plugin-s3"],
  fields: S3_FIELDS,
  outputs:
    `# Panther demands a time in RFC 3339. Teleport's own has it, with milliseconds, and is left alone;
# an event without one gets that of its coming.
<filter events.log test.log>
  @type record_transformer
  enable_ruby true
  <record>
    time \${record["time"] || time.utc.strftime("%Y-%m-%dT%H:%M:%S.%LZ")}
  </record>
</filter>

# Events of the audit log, under the prefix that Panther reads.
${
      renderS3Output({
        tags: "events.log test.log",
        prefix: "teleport/logs",
        buffer: "/buffers/panther-events",
      })
    }
# Panther does not know events of session recordings: they are kept under another prefix. To have
# none, put "@type null" in place of all of it.
${
      renderS3Output({
        tags: "session.*.log",
        prefix: "teleport/sessions",
        buffer: "/buffers/panther-sessions",
      })
    }`,
  afterwards:
    "In Panther, add the bucket as an S3 log source with the prefix `teleport/logs/`, the stream type **Lines** and the schema **Gravitational.TeleportAudit**. Give no access to the prefix `teleport/sessions/`: Panther does not know session recordings. Events appear some minutes after they happened. The access key of Fluentd needs `s3:PutObject` and `s3:GetObject` on the objects and `s3:ListBucket` on the bucket.",
};
