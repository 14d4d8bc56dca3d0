/**
 * A process that calls an auth server: for what the environment of a process decides. Arguments: the
 * port, the identity file. Prints whether the runtime itself trusts the server, and what the program's
 * own connection says of it.
 */
import { createAuthConnection } from "../../src/teleport/auth_connection.ts";
import { toTeleportFault } from "../../src/teleport/grpc_fault.ts";
import { parseIdentityFile } from "../../src/teleport/identity_file.ts";

const [port, identity] = Deno.args as [string, string];

async function answerOf(call: () => Promise<unknown>): Promise<string> {
  return await call().then(() => "yes", (error) => toTeleportFault("call", error).message);
}

const runtime = await answerOf(async () => {
  using connection = await Deno.connectTls({ hostname: "localhost", port: Number(port) });
  await connection.handshake();
});
using connection = createAuthConnection({
  host: "127.0.0.1",
  port: Number(port),
  credentials: parseIdentityFile(await Deno.readTextFile(identity)),
  callTimeoutMs: 5000,
});
const program = await answerOf(() => connection.auditLog.getUnstructuredEvents({}));
Deno.stdout.writeSync(new TextEncoder().encode(`runtime ${runtime}\nprogram ${program}\n`));
