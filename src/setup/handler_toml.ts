import { eventsPath, receiverUrl, type SetupOptions, shownPath } from "./setup_options.ts";

/** Name of the settings file. */
export const HANDLER_TOML = "teleport-event-handler.toml";

/** Renders the settings file of `start`. */
export function renderHandlerToml(options: SetupOptions): string {
  const { names } = options;
  const path = (name: string) => quote(shownPath(options, name));
  const url = receiverUrl(options);
  const storage = options.shownFolder === "" ? "./storage" : shownPath(options, "storage");
  return `# Where the event handler remembers how far it got. Keep it: without it, the export starts anew.
storage = ${quote(storage)}
# Pause before new events are looked for.
timeout = "10s"
# Events asked of Teleport at once. Left out, it grows from 20 to 500 while there is a backlog.
#batch = 20
# Status page, probes and metrics (/metrics), for this machine alone: they ask nobody who he is. In a
# container: "0.0.0.0:3000". Without this line, nothing is served.
diagnostics-addr = "127.0.0.1:3000"

[forward.fluentd]
ca = ${path(`${names.ca}.crt`)}
cert = ${path(`${names.client}.crt`)}
key = ${path(`${names.client}.key`)}
url = ${quote(`${url}${eventsPath(options)}`)}
# .<session id>.log will be appended to this URL
session-url = ${quote(`${url}/session`)}

[teleport]
${explainAddress(options)}
addr = ${quote(options.address)}
# The identity file; NEXT-STEPS.md says how to make it.
identity = ${path("identity")}
# Read the identity file again when tbot or tctl has renewed it.
refresh.enabled = true
${options.autoLock ? LOCK : ""}`;
}

const LOCK = `
[lock]
# Lock a user after more than this many failed logins within the period. for = "0s" locks until the
# lock is removed.
enabled = true
failed-attempts-count = 3
period = "1m"
for = "0s"
`;

function explainAddress({ isProxy }: SetupOptions): string {
  return isProxy
    ? `# The web address of the Teleport Proxy Service. It passes the connection on to the Auth Service,
# which alone needs to trust the identity; nothing but this port has to be reachable.`
    : `# The Teleport Auth Service, usually port 3025. From outside of its network, write the web address
# of the Proxy Service instead, such as teleport.example.com:443.`;
}

/** JSON and TOML agree on how text is quoted, but for DEL, which no path here may hold. */
function quote(text: string): string {
  return JSON.stringify(text);
}
