// deno-lint-ignore-file no-console -- this is how it talks to the benchmark
/**
 * Posts the same arrays of events again and again, as fast as a receiver takes them: what the receiver
 * can do. `load_child.ts JSON`.
 */
import process from "node:process";
import { jsonOf } from "../../src/core/event.ts";
import { readReceiverTls } from "../../src/fluentd/credentials.ts";
import { encodeLogPosition, startOfLog } from "../../src/teleport/log_position.ts";
import { connect, createLogStream } from "./log_source.ts";
import { type Part, type PartResult, REQUEST_EVENTS } from "./part.ts";

/** One after the other on each of two connections: the receiver never waits for us. */
const CONNECTIONS = 2;

/** What is posted: the first events of the source, as one array. */
async function readBody(part: Part): Promise<Uint8Array<ArrayBuffer>> {
  using connection = await connect(part);
  const stream = createLogStream(part, connection);
  const stop = new AbortController();
  const decoder = new TextDecoder();
  const texts: string[] = [];
  for await (const page of stream.read(encodeLogPosition(startOfLog(part.startMs)), stop.signal)) {
    texts.push(...page.events.map((event) => decoder.decode(jsonOf(event))));
    if (texts.length < REQUEST_EVENTS) continue;
    return new TextEncoder().encode(`[${texts.slice(0, REQUEST_EVENTS).join(",")}]`);
  }
  throw new Error("The source has too few events");
}

if (import.meta.main) {
  const part: Part & { readonly requests: number } = JSON.parse(Deno.args[0]!);
  const { url, authority, certificate, key } = part.receiver!;
  const body = await readBody(part);
  const client = { certificate, key, passphrase: undefined };
  const tls = await readReceiverTls({ authority, client }, Date.now());
  let left = part.requests;
  const post = async () => {
    using client = Deno.createHttpClient({
      ...tls.client,
      caCerts: [...tls.caCerts],
      poolMaxIdlePerHost: 1,
      http2: false,
    });
    while (left-- > 0) {
      const headers = { "content-type": "application/json" };
      const response = await fetch(url, { method: "POST", headers, body, client });
      await response.body?.cancel();
      if (!response.ok) throw new Error(`The receiver answers ${response.status}`);
    }
  };
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  await Promise.all(Array.from({ length: CONNECTIONS }, post));
  const seconds = (performance.now() - startMs) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const result: PartResult = {
    events: part.requests * REQUEST_EVENTS,
    seconds,
    cpuSeconds: (user + system) / 1e6,
  };
  console.log(JSON.stringify(result));
  Deno.exit(0);
}
