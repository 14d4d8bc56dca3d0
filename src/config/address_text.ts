import type { HostPort } from "./config.ts";
import { InvalidValue } from "./invalid_value.ts";

const ADDRESS = /^(?:\[([0-9a-fA-F:.]+(?:%[\w.-]+)?)\]|([^\[\]:]+))(?::([^:]*))?$/;
const HOST = /^(?=.*[\p{L}\p{N}])[\p{L}\p{N}._-]+$/u;
/** Port of the auth server, which stands for all where the port is found out later. */
const AUTH_PORT = 3025;
const HINT = "Write it like auth.example.com:3025, or [2001:db8::1]:3025";

/**
 * Parses "host:port", "[ipv6]:port" or a host alone, for which the port `defaultPort` is assumed, or left
 * to be searched, and `notice` told. A leading "https://" is removed, and told likewise.
 *
 * @throws {InvalidValue} If it is no such address.
 */
export function parseAddress(
  text: string,
  defaultPort: number | "search",
  notice: (text: string) => void,
): HostPort {
  let rest = text;
  if (/^https:\/\//i.test(text)) {
    rest = text.replace(/^https:\/\//i, "").replace(/\/$/, "");
    notice("The https:// in front is not needed and was left out");
  }
  if (rest.includes("/")) {
    throw new InvalidValue("An address is a host and a port, not a URL", HINT);
  }
  if (!rest.startsWith("[") && rest.split(":").length > 2) {
    throw new InvalidValue("An IPv6 address needs brackets", HINT);
  }
  const [, ipv6, name, port] = ADDRESS.exec(rest) ?? [];
  if (name !== undefined && !HOST.test(name)) throw new InvalidValue("The host is not valid", HINT);
  if (ipv6 !== undefined && !URL.canParse(`http://[${ipv6.replace(/%.*/, "")}]/`)) {
    throw new InvalidValue("The IPv6 address is not valid", HINT);
  }
  const host = ipv6 ?? name;
  if (host === undefined) throw new InvalidValue("Not a host and a port", HINT);
  if (port === undefined && defaultPort === "search") {
    notice("No port is given; 443, 3080 and 3025 are tried");
    return { host, port: AUTH_PORT, isPortAssumed: true };
  }
  if (port === undefined) {
    notice(`No port is given; ${defaultPort} is assumed`);
    return { host, port: defaultPort as number };
  }
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65535) {
    throw new InvalidValue("The port is not a number from 1 to 65535", HINT);
  }
  return { host, port: Number(port) };
}

/** Formats an address as "host:port", with brackets around an IPv6 address. */
export function formatAddress({ host, isPortAssumed, port }: HostPort): string {
  const name = host.includes(":") ? `[${host}]` : host;
  return isPortAssumed === true ? name : `${name}:${port}`;
}
