// deno-lint-ignore-file no-console -- this is how it talks to the benchmark
/**
 * A receiver that costs as little as a receiver can: TLS by the runtime itself, one answer a request,
 * and nothing is looked into. Runs as a process of its own:
 * `counting_receiver_child.ts CERT KEY [LATENCY]`, in milliseconds from a request to its answer.
 * Prints its port. It asks for no client certificate, which the runtime's own listener cannot.
 */
const ANSWER = new TextEncoder().encode(
  "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n",
);
const END_OF_HEAD = "\r\n\r\n";
const READ_BYTES = 256 * 1024;

/** Answers each request on a connection once its last byte has come. */
async function serve(connection: Deno.TlsConn, latencyMs: number): Promise<void> {
  const buffer = new Uint8Array(READ_BYTES);
  let head = "";
  let bodyLeft = 0;
  while (true) {
    const read = await connection.read(buffer);
    if (read === null) return;
    for (let at = 0; at < read;) {
      if (bodyLeft === 0) {
        const before = head.length;
        head += String.fromCharCode(...buffer.subarray(at, Math.min(read, at + 4096)));
        const end = head.indexOf(END_OF_HEAD);
        if (end === -1) break;
        bodyLeft = Number(/content-length: *(\d+)/i.exec(head.slice(0, end))?.[1] ?? 0);
        at += end + END_OF_HEAD.length - before;
        head = "";
      }
      const taken = Math.min(bodyLeft, read - at);
      bodyLeft -= taken;
      at += taken;
      if (bodyLeft > 0) continue;
      if (latencyMs > 0) await new Promise((resolve) => setTimeout(resolve, latencyMs));
      await connection.write(ANSWER);
    }
  }
}

if (import.meta.main) {
  const [cert, key] = Deno.args.slice(0, 2).map((path) => Deno.readTextFileSync(path)) as [
    string,
    string,
  ];
  const latencyMs = Number(Deno.args[2] ?? 0);
  const listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key });
  console.log(JSON.stringify({ port: listener.addr.port }));
  for await (const connection of listener) {
    serve(connection, latencyMs).catch(() => {}).finally(() => connection.close());
  }
}
