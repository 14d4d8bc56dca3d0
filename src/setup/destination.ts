import { DATADOG } from "./datadog.ts";
import { ELASTIC } from "./elastic.ts";
import { type FluentSourceOptions, renderFluentSource } from "./fluent_source.ts";
import { PANTHER } from "./panther.ts";
import { S3 } from "./s3.ts";
import type { DestinationName } from "./setup_options.ts";
import { SPLUNK } from "./splunk.ts";

/** A product that Fluentd sends the events on to. */
export interface Destination {
  /** Its name for people. */
  readonly title: string;
  /** Arguments of `gem install`, one for each call. */
  readonly gems: readonly string[];
  /** The filters and matches of the configuration. */
  readonly outputs: string;
  /** What must be filled in: the word in the configuration, and what to put in its place. */
  readonly fields: readonly (readonly [word: string, meaning: string])[];
  /** What is left to do there, in Markdown. */
  readonly afterwards: string;
}

const DESTINATIONS: { readonly [name in DestinationName]: Destination } = {
  panther: PANTHER,
  splunk: SPLUNK,
  elastic: ELASTIC,
  datadog: DATADOG,
  s3: S3,
};

/** Returns what is known about a destination. */
export function destinationOf(name: DestinationName): Destination {
  return DESTINATIONS[name];
}

/** Name of the configuration of a destination. */
export function destinationConfName(name: DestinationName): string {
  return `fluent-${name}.conf`;
}

/** Name of the Dockerfile of a destination. */
export function dockerfileName(name: DestinationName): string {
  return `Dockerfile.${name}`;
}

/** Renders the whole configuration of a destination. */
export function renderDestinationConf(name: DestinationName, options: FluentSourceOptions): string {
  const { fields, outputs, title } = destinationOf(name);
  const words = fields.map(([word, meaning]) => `#   ${word}: ${meaning}\n`).join("");
  return `# Fluentd between the Teleport event handler and ${title}. To be filled in below:
#
${words}#
# A full <buffer> makes Fluentd refuse further events (overflow_action throw_exception); the event
# handler then waits and sends them again, so that nothing is lost.

${renderFluentSource(options)}
${outputs}`;
}

/** Renders a Dockerfile that adds the plugin of a destination to Fluentd. */
export function renderDockerfile(name: DestinationName): string {
  const { gems, title } = destinationOf(name);
  const installs = gems.map((gem) => `    && fluent-gem install ${gem} \\\n`).join("");
  return `# Fluentd with what it needs for ${title}. In production, name a version in place of edge.
FROM fluent/fluentd:edge-debian
USER root
# Some gems are compiled; the compiler does not stay in the image.
RUN apt-get update \\
    && apt-get install -y --no-install-recommends make gcc g++ libc6-dev \\
${installs}    && apt-get purge -y --auto-remove make gcc g++ libc6-dev \\
    && rm -rf /var/lib/apt/lists/*
USER fluent
`;
}
