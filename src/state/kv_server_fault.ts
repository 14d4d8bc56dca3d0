/** What the answers of a KV Connect server mean, and the lack of one. */
import { Fault, formatError } from "../core/fault.ts";
import { quotePeer } from "../core/quote_peer.ts";

const WAIT = "Nothing is lost meanwhile: the export waits for it";
const NO_SERVER = "storage must be the URL of a KV Connect server, such as denokv";

/** Failures of a connection that waiting does not heal, by the words of rustls. */
const LASTING: readonly { readonly pattern: RegExp; readonly reason: string }[] = [
  {
    pattern: /UnknownIssuer|BadSignature|CaUsedAsEndEntity/,
    reason: "has a certificate that no known authority has signed; name that in storage-ca",
  },
  {
    pattern: /not valid for name|NotValidForName/,
    reason: "has a certificate that is not made for its host",
  },
  {
    pattern: /invalid peer certificate: .*(Expired|NotValidYet|expired|not valid yet)/,
    reason: "has a certificate that has expired or is not valid yet",
  },
  {
    pattern: /InvalidContentType|corrupt message/,
    reason: "does not speak TLS at this port; check the URL in storage",
  },
];

/** No connection, or none that lasted for the call. */
export function unreachableFault(name: string, error: unknown): Fault {
  // The head of the text names the URL and our own port.
  const text = quotePeer(
    formatError(error)
      .replace(/^error sending request .*?: (?=client error)/, "")
      .replace(/: https:\/\/docs\.rs\/\S*/, ""),
  );
  const known = LASTING.find(({ pattern }) => pattern.test(text));
  if (known !== undefined) {
    return new Fault("state", `${name} ${known.reason} (${text})`, { hint: WAIT, lasting: true });
  }
  return new Fault("state", `${name} cannot be reached: ${text}`, { hint: WAIT });
}

/** No answer within the limit of the call. */
export function lateFault(name: string, limitMs: number): Fault {
  return new Fault("state", `${name} has not answered within ${limitMs / 1000} s`, { hint: WAIT });
}

/** An answer that no server of the protocol gives. */
export function nonsenseFault(name: string, what: string): Fault {
  return new Fault("state", `${name} ${what}`, { hint: NO_SERVER, lasting: true });
}

/** The server takes no writes, or cannot read all that was written. */
export function readOnlyFault(name: string): Fault {
  return new Fault("state", `${name} can be read at most: it takes no writes`, {
    hint: "Start it without --read-only, or name the one that the others copy from",
    lasting: true,
  });
}

/** An answer with another status than 200. Nothing of the tokens is shown, however they are written. */
export function statusFault(
  name: string,
  { location, status, text, tokens }: {
    readonly status: number;
    readonly text: string;
    readonly location: string | null;
    /** What the server was told, and may say again. */
    readonly tokens: readonly string[];
  },
): Fault {
  const words = text === "" ? "" : ` (${quotePeer(maskTokens(text, tokens))})`;
  if (status === 401 || status === 403) {
    return new Fault("state", `${name} does not accept the token: ${status}${words}`, {
      hint: "Put its access token into DENO_KV_ACCESS_TOKEN, or into the file that " +
        "storage-token-file names",
      lasting: true,
    });
  }
  if (status >= 300 && status < 400) {
    return new Fault("state", `${name} answers ${status}: ${describeLocation(location, tokens)}`, {
      hint: "The token goes nowhere else. If that is the server, put its URL into storage",
      lasting: true,
    });
  }
  if (status >= 500 || status === 429 || status === 408) {
    return new Fault("state", `${name} is not ready: ${status}${words}`, { hint: WAIT });
  }
  if (status === 400 && /read.?only/i.test(text)) return readOnlyFault(name);
  if (status === 400 || status === 413) {
    return new Fault("state", `${name} refuses what it is asked: ${status}${words}`, {
      hint: "storage must be a KV Connect server, and what stands before it must let 1 MiB through",
      lasting: true,
    });
  }
  return nonsenseFault(name, `answers ${status}${words}`);
}

function describeLocation(location: string | null, tokens: readonly string[]): string {
  const url = location === null ? null : URL.parse(location);
  const places = url === null ? [] : [`${url.origin}${url.pathname}`, url.origin];
  const place = places.find((text) => !holdsToken(text, tokens));
  return place === undefined ? "it is somewhere else" : `it is at '${quotePeer(place)}'`;
}

function maskTokens(text: string, tokens: readonly string[]): string {
  return text.replaceAll(/[\x21-\x7e]+/g, (word) => holdsToken(word, tokens) ? "***" : word);
}

/** Whether a text holds a token as it is, or as URLs or JSON write it. */
function holdsToken(text: string, tokens: readonly string[]): boolean {
  const plain = text.replaceAll(
    /%([0-9a-f]{2})/gi,
    (_, hex) => String.fromCharCode(parseInt(hex, 16)),
  );
  const unescaped = text
    .replaceAll(/\\u([0-9a-f]{4})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16)))
    .replaceAll(/\\(.)/g, "$1");
  return tokens.some((token) => [text, plain, unescaped].some((words) => words.includes(token)));
}
