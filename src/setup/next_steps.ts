import { destinationConfName, destinationOf, dockerfileName } from "./destination.ts";
import { FLUENT_CONF } from "./fluent_conf.ts";
import { HANDLER_TOML } from "./handler_toml.ts";
import { HELM_SECRETS, HELM_VALUES } from "./helm_values.ts";
import { ROLE_FILE } from "./role_file.ts";
import { type DestinationName, type SetupOptions, shownPath } from "./setup_options.ts";
import { dockerPath, quoteShellWord } from "./shell_text.ts";

/** Name of the file that says what to do next. */
export const NEXT_STEPS = "NEXT-STEPS.md";

/** The commands that lead from the written files to the first event. */
export interface NextCommands {
  readonly login: string | undefined;
  readonly createRole: string;
  readonly signIdentity: string;
  readonly runFluentd: string;
  readonly start: string;
}

/** Returns the commands with the paths as they were written. */
export function nextCommands(options: SetupOptions): NextCommands {
  const path = (name: string) => quoteShellWord(shownPath(options, name));
  return {
    login: options.isProxy ? `tsh login --proxy=${options.address}` : undefined,
    createRole: `tctl create -f ${path(ROLE_FILE)}`,
    signIdentity: "tctl auth sign --format=file --user=teleport-event-handler " +
      `--out=${path("identity")} --ttl=8760h`,
    runFluentd: renderDockerRun(options, { conf: FLUENT_CONF, image: "fluent/fluentd:edge" }),
    start: `teleport-event-handler start --config ${path(HANDLER_TOML)}`,
  };
}

/** Renders NEXT-STEPS.md. */
export function renderNextSteps(options: SetupOptions): string {
  const commands = nextCommands(options);
  return [
    `# Next steps

Written by \`teleport-event-handler configure\`. Run the commands in ${
      markdownCode(options.workingFolder)
    }.
`,
    renderTeleport(options, commands),
    `## 2. Fluentd

\`\`\`sh
${commands.runFluentd}
\`\`\`

Fluentd prints every event that it gets. It runs as you, because the keys can be read by nobody else.
Keep ${
      markdownCode(shownPath(options, `${options.names.ca}.key`))
    } away from servers: whoever has it can make certificates that Fluentd trusts.

Without Docker: write the paths of your machine in place of \`/keys/\`, then \`fluentd --config ${
      quoteShellWord(shownPath(options, FLUENT_CONF))
    }\`.
${options.classicFluentConf ? CLASSIC : ""}`,
    `## 3. The event handler

\`\`\`sh
${commands.start}
\`\`\`

Events from now on are exported. For older ones, add \`--start-time 2021-01-01T00:00:00Z\` to the very
first start. Stop it with Ctrl-C; the next start goes on where it ended.
`,
    ...options.destinations.map((name) => renderDestination(options, name)),
    renderService(options),
    renderKubernetes(options),
  ].join("\n");
}

const CLASSIC = `
This is the configuration of the official event handler. It loses the milliseconds of the times, reads
them in the time zone of Fluentd, and removes \`time\` from the events.
`;

function renderTeleport(options: SetupOptions, commands: NextCommands): string {
  const server = options.isProxy ? "proxy-server" : "auth-server";
  return `## 1. Teleport

\`\`\`sh
${commands.login === undefined ? "" : `${commands.login}\n`}${commands.createRole}
${commands.signIdentity}
\`\`\`

${
    options.isProxy
      ? "`tctl` works through the proxy once you are logged in. To sign for another user, your role must allow to impersonate it:\n\n```yaml\nallow:\n  impersonate:\n    users: ['teleport-event-handler']\n    roles: ['teleport-event-handler']\n```"
      : "Run `tctl` on the machine of the Auth Service, or log in with `tsh` first. Copy the identity to where the event handler runs."
  }

The identity ends after a year. In place of the last command, Machine ID can renew it all the time:

\`\`\`sh
tctl bots add teleport-event-handler --roles=teleport-event-handler
tbot start identity --${server}=${options.address} --join-method=token --token=TOKEN \\
  --storage=./tbot-state --destination=./tbot
\`\`\`

Then set \`identity\` in ${
    markdownCode(shownPath(options, HANDLER_TOML))
  } to \`./tbot/identity\`; the event handler takes each new one by itself.
`;
}

function renderDestination(options: SetupOptions, name: DestinationName): string {
  const { afterwards, fields, title } = destinationOf(name);
  const conf = destinationConfName(name);
  const image = `fluentd-${name}`;
  const buffer = shownPath(options, "fluentd-buffer");
  const mount = `-v ${dockerPath(buffer)}:/buffers`;
  return `## ${title}

1. Fill in ${markdownCode(shownPath(options, conf))}:
${fields.map(([word, meaning]) => `   - \`${word}\`: ${meaning}`).join("\n")}
2. Start Fluentd with it, in place of the one of step 2:

\`\`\`sh
docker build -t ${image} - < ${quoteShellWord(shownPath(options, dockerfileName(name)))}
mkdir -p ${quoteShellWord(buffer)}
${renderDockerRun(options, { conf, image, mount })}
\`\`\`

${afterwards}
`;
}

function renderDockerRun(
  options: SetupOptions,
  run: { readonly conf: string; readonly image: string; readonly mount?: string },
): string {
  const { ca, server } = options.names;
  const mounts = [`${ca}.crt`, `${server}.crt`, `${server}.key`].map((name) =>
    `-v ${dockerPath(shownPath(options, name))}:/keys/${name}:ro`
  );
  const conf = `-v ${dockerPath(shownPath(options, run.conf))}:/fluentd/etc/fluent.conf:ro`;
  return [
    'docker run --rm -p 8888:8888 --user "$(id -u):$(id -g)"',
    ...mounts,
    conf,
    ...(run.mount === undefined ? [] : [run.mount]),
    run.image,
  ].join(" \\\n  ");
}

function renderService(options: SetupOptions): string {
  const folder = options.shownFolder.startsWith("/") ? options.shownFolder : options.workingFolder;
  return `## To keep it running: systemd

\`\`\`ini
# /etc/systemd/system/teleport-event-handler.service
[Unit]
Description=Teleport event handler
Wants=network-online.target
After=network-online.target

[Service]
WorkingDirectory=${folder}
ExecStart=/usr/local/bin/teleport-event-handler start --config ${
    quoteUnitWord(shownPath(options, HANDLER_TOML))
  }
Restart=always
RestartSec=5

[Install]
WantedBy=multi-user.target
\`\`\`

Then \`sudo systemctl enable --now teleport-event-handler\`.
`;
}

function renderKubernetes(options: SetupOptions): string {
  const path = (name: string) => quoteShellWord(shownPath(options, name));
  const { ca, client } = options.names;
  const files = [`${ca}.crt`, `${client}.crt`, `${client}.key`].map((name) =>
    `--from-file=${name}=${path(name)}`
  );
  return `## Or on Kubernetes: Helm

\`\`\`sh
kubectl create secret generic ${HELM_SECRETS.identity} --from-file=identity=${path("identity")}
kubectl create secret generic ${HELM_SECRETS.client} \\
  ${files.join(" \\\n  ")}
helm install teleport-plugin-event-handler charts/teleport-event-handler \\
  --values ${path(HELM_VALUES)}
\`\`\`

\`charts/teleport-event-handler\` is in the source of this event handler, and a chart of each release.
Look at \`fluentd.url\` in the values first. Teleport's own chart takes the same values, but runs the
official event handler.
`;
}

/** Quotes a word of a systemd unit; a percent sign would begin a specifier. */
function quoteUnitWord(text: string): string {
  const word = text.replaceAll("%", "%%");
  return /\s/.test(word) ? `"${word}"` : word;
}

function markdownCode(text: string): string {
  return `\`${text}\``;
}
