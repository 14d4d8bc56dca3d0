/**
 * A process that reads client pairs as for the receiver: the runtime panics over one that it should not
 * have been given, and ends the process. Argument: a file of a JSON array of pairs. Prints a line for
 * each of them.
 */
import { Fault } from "../../src/core/fault.ts";
import { readReceiverTls } from "../../src/fluentd/credentials.ts";

/** Certificate and key, PEM. */
type Pair = Readonly<Record<"certificate" | "key", string>>;

async function judge(pair: Pair): Promise<string> {
  const files = { readText: (name: string) => Promise.resolve(pair[name as keyof Pair]) };
  try {
    const client = { certificate: "certificate", key: "key" };
    await readReceiverTls({ client }, Date.now(), files);
    return "taken";
  } catch (error) {
    if (error instanceof Fault) return error.text;
    throw error;
  }
}

const [path] = Deno.args as [string];
for (const pair of JSON.parse(await Deno.readTextFile(path)) as Pair[]) {
  Deno.stdout.writeSync(new TextEncoder().encode(`${await judge(pair)}\n`));
}
