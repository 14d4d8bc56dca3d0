import type { Destination } from "./destination.ts";
import { renderFileBuffer } from "./file_buffer.ts";

/** Elasticsearch, to be looked at in Kibana. */
export const ELASTIC: Destination = {
  title: "Elasticsearch",
  // The client refuses servers that are older than itself by a major version.
  gems: ["elasticsearch -v '~> 8.0'", "fluent-plugin-elasticsearch --conservative"],
  fields: [
    ["REPLACE_elasticsearch_host", "host of Elasticsearch"],
    ["REPLACE_elasticsearch_user", "user that may create and write the indices teleport-*"],
    ["REPLACE_elasticsearch_password", "its password"],
  ],
  outputs: `# Events of the audit log and of session recordings, in one index for each day.
<match events.log test.log session.*.log>
  @type elasticsearch
  host "REPLACE_elasticsearch_host"
  port 9200
  scheme https
  ssl_version TLSv1_2
  user "REPLACE_elasticsearch_user"
  password "REPLACE_elasticsearch_password"
  # For a certificate of your own authority: ca_file /keys/elasticsearch-ca.crt
  logstash_format true
  logstash_prefix teleport
  time_key time
  include_tag_key true
  tag_key fluentd_tag
  # The event's own id: an event that is sent twice is stored once.
  id_key uid
  suppress_type_name true
  # Start also when Elasticsearch is away. For version 9, write 9 here and in the Dockerfile.
  verify_es_version_at_startup false
  default_elasticsearch_version 8
  reconnect_on_error true
  reload_on_failure true
  request_timeout 30s
${renderFileBuffer("/buffers/elastic")}</match>
`,
  afterwards:
    "In Kibana, create a data view for `teleport-*` with the time field `time`. The Dockerfile installs the client for Elasticsearch 8.",
};
