/** Where a peer listens. */
export interface Endpoint {
  /** Name or address, an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Why there is no connection. */
export interface ConnectProblem {
  readonly kind: "unknown-name" | "refused" | "unreachable" | "timeout" | "failed";
  /** In one line, with the host or port. */
  readonly text: string;
  readonly advice: string;
}

/** What the words of the system mean. */
const CAUSES: readonly {
  readonly pattern: RegExp;
  readonly kind: ConnectProblem["kind"];
  readonly describe: (endpoint: Endpoint) => string;
  readonly advice: string;
}[] = [
  {
    pattern: /ENOTFOUND|EAI_|failed to lookup|Name or service not known|No such host|nodename nor/i,
    kind: "unknown-name",
    describe: ({ host }) => `Host name '${host}' is not known here`,
    advice: "Check the name for a typing mistake, and the name servers of this machine",
  },
  {
    pattern: /ECONNREFUSED|Connection refused|actively refused/i,
    kind: "refused",
    describe: ({ host, port }) => `Nothing listens on port ${port} of ${host}`,
    advice: "Check the port, and whether the service runs",
  },
  {
    pattern: /unreachable|No route to host|EHOSTUNREACH|ENETUNREACH/i,
    kind: "unreachable",
    describe: ({ host }) => `There is no way to ${host} from this network`,
    advice: "Check the address, the routes and the firewall",
  },
];

/** Says why a connection could not be made, by the words of the system. */
export function describeConnectProblem(endpoint: Endpoint, words: string): ConnectProblem {
  const known = CAUSES.find((row) => row.pattern.test(words));
  if (known !== undefined) {
    return { kind: known.kind, text: known.describe(endpoint), advice: known.advice };
  }
  return /timed out|ETIMEDOUT/i.test(words) ? describeSilence(endpoint) : {
    kind: "failed",
    text: `Cannot connect to ${endpoint.host} on port ${endpoint.port}: ${words}`,
    advice: "Check the address, the port and the firewall",
  };
}

/** The same where there was no answer at all in the time given. */
export function describeSilence({ host, port }: Endpoint): ConnectProblem {
  return {
    kind: "timeout",
    text: `No answer from port ${port} of ${host}`,
    advice: "A firewall that drops packets does this; check the address, the port and the firewall",
  };
}
