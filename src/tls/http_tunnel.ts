import { connect, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { Buffer } from "node:buffer";
import { formatError } from "../core/fault.ts";
import type { HttpProxy } from "../core/http_proxy.ts";
import { quotePeer } from "../core/quote_peer.ts";
import { describeConnectProblem, type Endpoint } from "./connect_problem.ts";
import { bridgeToSocket } from "./loopback_bridge.ts";
import { readHttpHead } from "./http_head.ts";

/** Why an HTTP proxy gave no connection; never with its credentials. */
export class HttpProxyError extends Error {
  readonly advice: string;

  constructor(message: string, advice: string, cause?: unknown) {
    super(message, { cause });
    this.name = "HttpProxyError";
    this.advice = advice;
  }
}

/** What the answers of proxies usually mean. */
const ADVICE: { readonly [status: number]: string } = {
  403: "The proxy does not allow it: ask for this host and port, or name the host in NO_PROXY",
  404: "What listens there is a web server rather than a proxy",
  405: "What listens there is a web server rather than a proxy",
  407: "Give user and password: http://USER:PASSWORD@HOST:PORT",
  502: "The proxy cannot reach the host itself; some proxies allow port 443 alone",
  503: "The proxy cannot reach the host itself; some proxies allow port 443 alone",
  504: "The proxy cannot reach the host itself; some proxies allow port 443 alone",
};

/**
 * Asks an HTTP proxy for a connection to `target`, by CONNECT. The name is resolved by the proxy.
 *
 * @throws {HttpProxyError} also when the signal is aborted before the proxy has answered.
 */
export async function openHttpTunnel(
  proxy: HttpProxy,
  target: Endpoint,
  signal: AbortSignal,
): Promise<Socket> {
  const socket = proxy.protocol === "http:"
    ? connect({ host: proxy.host, port: proxy.port, noDelay: true })
    : connectTls({
      host: proxy.host,
      port: proxy.port,
      servername: proxy.host,
      ALPNProtocols: ["http/1.1"],
    });
  // Stays: an error may come after the one that was taken.
  socket.on("error", () => {});
  try {
    await connected(socket, proxy, signal);
    socket.write(formatRequest(proxy, target));
    const head = await readHttpHead(socket, signal).catch((error: unknown) => {
      throw new HttpProxyError(
        `HTTP proxy ${proxy.label} gave no answer: ${formatError(error)}`,
        `Check ${proxy.variable}`,
      );
    });
    if (head.status < 200 || head.status > 299) throw refusal(proxy, head);
    return proxy.protocol === "http:" ? socket : await bridgeToSocket(socket);
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function connected(
  socket: Socket | TLSSocket,
  proxy: HttpProxy,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => fail(signal.reason);
    const fail = (error: unknown) => {
      const { advice, text } = describeConnectProblem(proxy, formatError(error));
      reject(
        new HttpProxyError(
          `HTTP proxy ${proxy.label} cannot be reached: ${text}`,
          `${advice} (${proxy.variable})`,
          error,
        ),
      );
    };
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    socket.once("error", fail);
    socket.once("close", () => fail(new Error("The connection was closed")));
    socket.once(proxy.protocol === "http:" ? "connect" : "secureConnect", () => {
      signal.removeEventListener("abort", abort);
      resolve();
    });
  });
}

function formatRequest({ credentials }: HttpProxy, { host, port }: Endpoint): string {
  const address = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  const lines = [`CONNECT ${address} HTTP/1.1`, `Host: ${address}`];
  if (credentials !== undefined) {
    const { password, username } = credentials;
    const token = Buffer.from(`${username}:${password}`, "utf8").toString("base64");
    lines.push(`Proxy-Authorization: Basic ${token}`);
  }
  return `${lines.join("\r\n")}\r\n\r\n`;
}

function refusal(
  proxy: HttpProxy,
  { reason, status }: { status: number; reason: string },
): HttpProxyError {
  const words = quotePeer(reason);
  const wants = status === 407 && proxy.credentials !== undefined
    ? `Check user and password in ${proxy.variable}`
    : ADVICE[status];
  return new HttpProxyError(
    `HTTP proxy ${proxy.label} refuses: ${status}${words === "" ? "" : ` ${words}`}`,
    wants ?? `See the log of the proxy; ${proxy.variable} names it`,
  );
}
