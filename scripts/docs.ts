/**
 * Writes docs/configuration.md from the table of settings. With `--check` it writes nothing, and ends
 * with 1 when the file is stale.
 */
import { renderConfigurationDocument } from "../src/config/configuration_document.ts";

const DOCUMENT = new URL("../docs/configuration.md", import.meta.url);

async function main(args: readonly string[]): Promise<void> {
  const text = renderConfigurationDocument();
  if (!args.includes("--check")) {
    await Deno.mkdir(new URL(".", DOCUMENT), { recursive: true });
    return await Deno.writeTextFile(DOCUMENT, text);
  }
  if (await readDocument() === text) return;
  await Deno.stderr.write(
    new TextEncoder().encode(
      "docs/configuration.md is stale. Run scripts/denow run --allow-read --allow-write scripts/docs.ts\n",
    ),
  );
  Deno.exitCode = 1;
}

async function readDocument(): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(DOCUMENT);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

if (import.meta.main) await main(Deno.args);
