import type { Destination } from "./destination.ts";
import { renderFileBuffer } from "./file_buffer.ts";

/** Datadog's log intake. */
export const DATADOG: Destination = {
  title: "Datadog",
  gems: ["fluent-plugin-datadog"],
  fields: [
    ["REPLACE_datadog_api_key", "API key of the organisation"],
    [
      "REPLACE_datadog_site",
      "site of the organisation, such as datadoghq.com or us5.datadoghq.com",
    ],
  ],
  outputs: `# Events of the audit log and of session recordings.
<match events.log test.log session.*.log>
  @type datadog
  api_key "REPLACE_datadog_api_key"
  host "http-intake.logs.REPLACE_datadog_site"
  use_ssl true
  use_compression true
  dd_source teleport
  service teleport
  include_tag_key true
  tag_key fluentd_tag
${renderFileBuffer("/buffers/datadog")}</match>
`,
  afterwards:
    "Search for `source:teleport` in the Log Explorer. A pipeline with a date remapper on `time` gives each log the time of its event.",
};
