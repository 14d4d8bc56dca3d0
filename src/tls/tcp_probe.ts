import { formatError } from "../core/fault.ts";

/** Where a peer listens. */
export interface Endpoint {
  /** Name or address, an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
}

/** What became of an attempt to connect. */
export type TcpProbe =
  | { readonly kind: "connected"; /** The address behind the name. */ readonly address: string }
  | {
    readonly kind: "unknown-name" | "refused" | "unreachable" | "timeout" | "failed";
    /** In one line, with the host and port. */
    readonly text: string;
    readonly advice: string;
  };

/** What the words of the system mean. */
const CAUSES: readonly {
  readonly pattern: RegExp;
  readonly kind: "unknown-name" | "refused" | "unreachable" | "timeout";
  readonly describe: (host: string, port: number) => string;
  readonly advice: string;
}[] = [
  {
    pattern: /failed to lookup|Name or service not known|No such host|nodename nor servname/i,
    kind: "unknown-name",
    describe: (host) => `Host name '${host}' is not known here`,
    advice: "Check the name for a typing mistake, and the name servers of this machine",
  },
  {
    pattern: /ECONNREFUSED|Connection refused|actively refused/i,
    kind: "refused",
    describe: (host, port) => `Nothing listens on port ${port} of ${host}`,
    advice: "Check the port, and whether the service runs",
  },
  {
    pattern: /unreachable|No route to host|EHOSTUNREACH|ENETUNREACH/i,
    kind: "unreachable",
    describe: (host) => `There is no way to ${host} from this network`,
    advice: "Check the address, the routes and the firewall",
  },
  {
    pattern: /timed out|ETIMEDOUT/i,
    kind: "timeout",
    describe: describeSilence,
    advice: "A firewall that drops packets does this; check the address, the port and the firewall",
  },
];

/**
 * Tries a TCP connection, which is closed at once. Never throws; an abort of the signal is a timeout.
 */
export async function probeTcp(endpoint: Endpoint, signal: AbortSignal): Promise<TcpProbe> {
  const { host, port } = endpoint;
  try {
    using connection = await Deno.connect({ hostname: host, port, signal });
    const { hostname } = connection.remoteAddr;
    return { kind: "connected", address: hostname };
  } catch (error) {
    const text = formatError(error);
    const known = signal.aborted
      ? CAUSES.find((row) => row.kind === "timeout")
      : CAUSES.find((row) => row.pattern.test(text));
    if (known === undefined) {
      return {
        kind: "failed",
        text: `Cannot connect to ${host} on port ${port}: ${text}`,
        advice: "Check the address, the port and the firewall",
      };
    }
    return { kind: known.kind, text: known.describe(host, port), advice: known.advice };
  }
}

function describeSilence(host: string, port: number): string {
  return `No answer from port ${port} of ${host}`;
}
