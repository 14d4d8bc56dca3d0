import type { Destination } from "./destination.ts";
import { renderFileBuffer } from "./file_buffer.ts";

/** Splunk by its HTTP Event Collector. */
export const SPLUNK: Destination = {
  title: "Splunk",
  gems: ["fluent-plugin-splunk-hec"],
  fields: [
    ["REPLACE_splunk_host", "host of the HTTP Event Collector"],
    ["REPLACE_hec_token", "its token"],
    ["REPLACE_splunk_index", "index to write to, which the token must be allowed"],
  ],
  outputs: `# Events of the audit log and of session recordings; the tag is the source.
<match events.log test.log session.*.log>
  @type splunk_hec
  protocol https
  hec_host "REPLACE_splunk_host"
  hec_port 8088
  hec_token "REPLACE_hec_token"
  index "REPLACE_splunk_index"
  sourcetype _json
  source \${tag}
  # For a certificate of your own authority: ca_file /keys/splunk-ca.crt
${renderFileBuffer("/buffers/splunk", "tag")}</match>
`,
  afterwards:
    "In Splunk, make a token under Settings, Data inputs, HTTP Event Collector, without indexer acknowledgement. Then search for `index=… sourcetype=_json`.",
};
