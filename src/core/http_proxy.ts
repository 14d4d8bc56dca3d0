import { Fault } from "./fault.ts";

/** An HTTP proxy that connections to others are asked for, by CONNECT. */
export interface HttpProxy {
  readonly protocol: "http:" | "https:";
  /** Name or address, an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
  /** To show to the proxy; never to be printed. */
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
  /** Its URL without credentials, for messages. */
  readonly label: string;
  /** Variable that named it. */
  readonly variable: string;
}

/** Where a connection is to lead. */
export interface Destination {
  /** What is spoken there: https also stands for everything else over TLS. */
  readonly protocol: "http:" | "https:";
  /** Name or address, an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Says by which proxy a destination is reached; undefined when by none. @throws {Fault} of kind `config` */
export type FindHttpProxy = (destination: Destination) => HttpProxy | undefined;

/** The variables that are read, of which the first of a pair wins. */
export const HTTP_PROXY_VARIABLES = [
  "HTTPS_PROXY",
  "https_proxy",
  "HTTP_PROXY",
  "http_proxy",
  "NO_PROXY",
  "no_proxy",
] as const;

const DEFAULT_PORTS = { "http:": 80, "https:": 443 };

/**
 * Reads `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` as Go programs do (golang.org/x/net/http/httpproxy),
 * the Go handler among them: loopback is never reached by a proxy, and a name in `NO_PROXY` stands for
 * all names below it. A variable that is wrong is told of when it is needed.
 */
export function createHttpProxyFinder(env: { readonly [name: string]: string }): FindHttpProxy {
  const exceptions = (firstOf(env, ["NO_PROXY", "no_proxy"])?.text ?? "").split(",")
    .map((text) => text.trim().toLowerCase()).filter((text) => text !== "");
  const variables = {
    "https:": firstOf(env, ["HTTPS_PROXY", "https_proxy"]),
    "http:": firstOf(env, ["HTTP_PROXY", "http_proxy"]),
  };
  return (destination) => {
    const variable = variables[destination.protocol];
    if (variable === undefined || isLoopback(destination.host)) return undefined;
    if (exceptions.some((exception) => isException(destination, exception))) return undefined;
    return parseProxy(variable);
  };
}

interface Variable {
  readonly name: string;
  readonly text: string;
}

function firstOf(
  env: { readonly [name: string]: string },
  names: readonly string[],
): Variable | undefined {
  const name = names.find((name) => (env[name] ?? "").trim() !== "");
  return name === undefined ? undefined : { name, text: env[name]!.trim() };
}

function parseProxy({ name, text }: Variable): HttpProxy {
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const url = URL.canParse(withScheme) ? new URL(withScheme) : undefined;
  const protocol = url?.protocol;
  if (url === undefined || url.hostname === "" || (protocol !== "http:" && protocol !== "https:")) {
    const what = url === undefined
      ? "is not the URL of a proxy"
      : `names a proxy of the kind '${url.protocol.replace(":", "")}', which cannot be used`;
    // The value may hold a password.
    throw new Fault("config", `Environment variable ${name} ${what}`, {
      hint: "Write it like http://proxy.example.com:3128, or name the hosts that need none in " +
        "NO_PROXY",
    });
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const port = Number(url.port || DEFAULT_PORTS[protocol]);
  const credentials = url.username === "" && url.password === ""
    ? undefined
    : { username: decode(url.username), password: decode(url.password) };
  const label = `${protocol}//${url.hostname}:${port}`;
  return { protocol, host, port, credentials, label, variable: name };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function isLoopback(host: string): boolean {
  return host.toLowerCase() === "localhost" || host === "::1" ||
    (parseIpv4(host)?.[0] === 127);
}

/** One entry of NO_PROXY: `*`, an address, a range of addresses, or a name; each may name a port. */
function isException({ host, port }: Destination, exception: string): boolean {
  if (exception === "*") return true;
  const name = host.toLowerCase().replace(/\.$/, "");
  const [network, prefix] = exception.split("/");
  if (prefix !== undefined) return isInRange(name, network!, prefix);
  const [, bracketed, plain, ofPort] = /^(?:\[(.+)\]|(.+?))(?::(\d+))?$/.exec(exception) ?? [];
  // An IPv6 address without brackets has no port.
  const isBare = bracketed === undefined && exception.split(":").length > 2;
  const text = isBare ? exception : bracketed ?? plain ?? "";
  if (!isBare && ofPort !== undefined && Number(ofPort) !== port) return false;
  const domain = text.replace(/^\*?\./, "");
  if (domain !== text) return name.endsWith(`.${domain}`);
  return name === text || (!isAddress(name) && name.endsWith(`.${text}`));
}

function isAddress(host: string): boolean {
  return host.includes(":") || parseIpv4(host) !== undefined;
}

function isInRange(host: string, network: string, prefix: string): boolean {
  const [address, start] = [parseIp(host), parseIp(network)];
  const bits = Number(prefix);
  if (address === undefined || start === undefined || address.length !== start.length) return false;
  if (!/^\d+$/.test(prefix) || bits > address.length * 8) return false;
  return address.every((byte, i) => {
    const rest = Math.min(Math.max(bits - i * 8, 0), 8);
    const mask = (0xff << (8 - rest)) & 0xff;
    return (byte & mask) === (start[i]! & mask);
  });
}

function parseIp(text: string): readonly number[] | undefined {
  return parseIpv4(text) ?? parseIpv6(text);
}

function parseIpv4(text: string): readonly number[] | undefined {
  const parts = /^\d{1,3}(?:\.\d{1,3}){3}$/.test(text) ? text.split(".").map(Number) : [];
  return parts.length === 4 && parts.every((part) => part <= 255) ? parts : undefined;
}

function parseIpv6(text: string): readonly number[] | undefined {
  if (!text.includes(":") || !URL.canParse(`http://[${text}]/`)) return undefined;
  // The parser of URLs writes it in one way.
  const [head = "", tail] = new URL(`http://[${text}]/`).hostname.slice(1, -1).split("::");
  const groupsOf = (part: string) => part === "" ? [] : part.split(":");
  const [front, back] = [groupsOf(head), groupsOf(tail ?? "")];
  const zeros = Array<string>(tail === undefined ? 0 : 8 - front.length - back.length).fill("0");
  return [...front, ...zeros, ...back].flatMap((group) => {
    const value = parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}
