import type { Destination } from "./destination.ts";

/** Fields of an S3 output. */
export const S3_FIELDS = [
  ["REPLACE_aws_access_key", "id of the access key that may write to the bucket"],
  ["REPLACE_aws_secret_access_key", "its secret; with a role on the machine, remove both lines"],
  ["REPLACE_s3_bucket", "name of the bucket, which must exist"],
  ["REPLACE_aws_region", "region of the bucket, such as us-west-2"],
] as const;

/** What to put into S3 under which prefix. */
export interface S3OutputOptions {
  /** Tags to match. */
  readonly tags: string;
  /** Prefix of the objects. */
  readonly prefix: string;
  /** Folder of the buffer. */
  readonly buffer: string;
}

/** Renders a `<match>` that writes gzipped lines of JSON to S3. */
export function renderS3Output({ tags, prefix, buffer }: S3OutputOptions): string {
  return `<match ${tags}>
  @type s3
  aws_key_id "REPLACE_aws_access_key"
  aws_sec_key "REPLACE_aws_secret_access_key"
  s3_bucket "REPLACE_s3_bucket"
  s3_region "REPLACE_aws_region"
  # A mistyped name must not make a new bucket.
  auto_create_bucket false
  path ${prefix}/%Y/%m/%d/
  # The name comes from the chunk: an upload that is tried again replaces the object, not doubles it.
  s3_object_key_format "%{path}%{hex_random}.%{file_extension}"
  hex_random_length 16
  overwrite true
  store_as gzip
  <format>
    @type json
  </format>
  # By days of the events' own time, sent every minute: years of older events make few chunks.
  <buffer time>
    @type file
    path ${buffer}
    timekey 1d
    timekey_use_utc true
    flush_mode interval
    flush_interval 60s
    flush_at_shutdown true
    chunk_limit_size 64m
    total_limit_size 8g
    overflow_action throw_exception
    retry_forever true
    retry_max_interval 30s
  </buffer>
</match>
`;
}

/** Amazon S3, or what speaks its protocol. */
export const S3: Destination = {
  title: "Amazon S3",
  gems: ["fluent-plugin-s3"],
  fields: S3_FIELDS,
  outputs: `# Events of the audit log.
${
    renderS3Output({
      tags: "events.log test.log",
      prefix: "teleport/logs",
      buffer: "/buffers/s3-events",
    })
  }
# Events of session recordings.
${
    renderS3Output({
      tags: "session.*.log",
      prefix: "teleport/sessions",
      buffer: "/buffers/s3-sessions",
    })
  }`,
  afterwards:
    "Objects of gzipped lines of JSON appear every minute under `teleport/logs/` and `teleport/sessions/`. The access key needs `s3:PutObject` and `s3:GetObject` on them and `s3:ListBucket` on the bucket. For a server that is not Amazon's, add `s3_endpoint` and `force_path_style true` to both `<match>`.",
};
