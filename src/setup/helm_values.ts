import { eventsPath, receiverUrl, type SetupOptions } from "./setup_options.ts";

/** Name of the values file, as the official handler has it. */
export const HELM_VALUES = "teleport-plugin-event-handler-values.yaml";

/** Secrets that the values name; NEXT-STEPS.md makes them. */
export const HELM_SECRETS = {
  identity: "teleport-plugin-event-handler-identity",
  client: "teleport-plugin-event-handler-client-tls",
} as const;

/** Renders the values for our chart, and for Teleport's own, which has the same names. */
export function renderHelmValues(options: SetupOptions): string {
  const { names } = options;
  const url = receiverUrl(options);
  const path = eventsPath(options);
  return `# Values for this program's Helm chart, charts/teleport-event-handler, and for Teleport's own,
# teleport-plugin-event-handler: the names are the same.
eventHandler:
  storagePath: /var/lib/teleport/plugins/event-handler/storage
  timeout: 10s
${options.autoLock ? "  lock:\n    enabled: true\n" : ""}
teleport:
  address: ${quote(options.address)}
  identitySecretName: ${HELM_SECRETS.identity}
  identitySecretPath: identity

fluentd:
  # In a cluster Fluentd is most likely a service, such as fluentd.logging.svc.cluster.local. Write its
  # name here, and give it to configure with --dns-names: the server certificate must be good for it.
  url: ${quote(`${url}${path}`)}
  sessionUrl: ${quote(`${url}/session`)}
  certificate:
    secretName: ${HELM_SECRETS.client}
    caPath: ${names.ca}.crt
    certPath: ${names.client}.crt
    keyPath: ${names.client}.key

# Without a volume the position is lost with the pod, and events are sent again or not at all.
persistentVolumeClaim:
  enabled: true
`;
}

function quote(text: string): string {
  return JSON.stringify(text);
}
