import { Fault, formatError } from "../core/fault.ts";

/** Answers a request for one path. */
export type Route = (request: Request) => Response | Promise<Response>;

/** Where to listen, and what to answer. */
export interface DiagnosticsServerOptions {
  readonly host: string;
  readonly port: number;
  /** How messages call the address: the setting, its value and its source. */
  readonly name: string;
  /** By path, such as `/metrics`. */
  readonly routes: { readonly [path: string]: Route };
  /** Told of what should never be: a route that failed. */
  readonly onError: (error: unknown) => void;
}

/** More requests at once are answered with 503; each of them holds its answer in memory. */
const MAX_REQUESTS = 32;
const MAX_URL_LENGTH = 2048;

const HEADERS: { readonly [name: string]: string } = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/**
 * Serves until disposed of what a run tells about itself, to be read and never changed: GET and HEAD alone, nothing of a
 * request but its path, its query and its Accept header is looked at. It asks nobody who he is.
 *
 * @throws {Fault} of kind `config` when the address cannot be listened on.
 */
export function openDiagnosticsServer(options: DiagnosticsServerOptions): AsyncDisposable {
  const { host, name, onError, port, routes } = options;
  const closing = new AbortController();
  let requests = 0;
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = Deno.serve({
      hostname: host,
      port,
      signal: closing.signal,
      onListen() {},
    }, async (request) => {
      if (requests >= MAX_REQUESTS) return withHeaders(answer(503, "Too many requests at once"));
      requests++;
      try {
        return withHeaders(await route(request, { host, routes }));
      } catch (error) {
        onError(error);
        return withHeaders(answer(500, "Internal error"));
      } finally {
        requests--;
      }
    });
  } catch (error) {
    throw toFault(name, error);
  }
  return {
    async [Symbol.asyncDispose]() {
      closing.abort();
      await server.finished;
    },
  };
}

/** A line of text as an answer. */
export function answer(status: number, text: string, headers: HeadersInit = {}): Response {
  return new Response(`${text}\n`, {
    status,
    headers: {
      "content-type": "text/plain; charset=utf-8",
      ...Object.fromEntries(new Headers(headers)),
    },
  });
}

async function route(
  request: Request,
  { host, routes }: { host: string; routes: DiagnosticsServerOptions["routes"] },
): Promise<Response> {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return answer(405, "Only GET and HEAD are answered", { allow: "GET, HEAD" });
  }
  if (request.url.length > MAX_URL_LENGTH) return answer(414, "The URL is too long");
  const url = new URL(request.url);
  if (isLoopback(host) && !isLoopback(url.hostname)) {
    // A page of another site that has its name point to this machine must not read along.
    return answer(421, "This server answers to localhost only");
  }
  const found = Object.hasOwn(routes, url.pathname) ? routes[url.pathname] : undefined;
  return found === undefined ? answer(404, "There is nothing here") : await found(request);
}

/** A route may set stricter or looser ones for its page. */
function withHeaders(response: Response): Response {
  for (const [name, value] of Object.entries(HEADERS)) {
    if (!response.headers.has(name)) response.headers.set(name, value);
  }
  return response;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || /^127\.\d+\.\d+\.\d+$/.test(host) ||
    host === "::1" || host === "[::1]";
}

function toFault(name: string, error: unknown): Fault {
  const { hint, what } = explain(error);
  return new Fault("config", `Cannot listen on ${name}: ${what}`, { hint, cause: error });
}

function explain(error: unknown): { what: string; hint: string } {
  if (error instanceof Deno.errors.AddrInUse) {
    return {
      what: "the address is in use",
      hint: "Stop what listens there, or set diagnostics-addr to another port",
    };
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return {
      what: "not permitted",
      hint: "Ports below 1024 need a privilege; 127.0.0.1:3000 does not",
    };
  }
  if (error instanceof Deno.errors.AddrNotAvailable) {
    return {
      what: "this machine has no such address",
      hint: "127.0.0.1 is this machine alone, 0.0.0.0 each of its addresses",
    };
  }
  return {
    what: formatError(error),
    hint: "Write an address of this machine, such as 127.0.0.1:3000",
  };
}
