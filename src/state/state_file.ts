import { DatabaseSync } from "node:sqlite";
import { Fault } from "../core/fault.ts";

const MAGIC = "SQLite format 3\0";
/** As much of a database as holds the texts of the few tables of Deno KV: its first page. */
const PAGE_BYTES = 4096;
/** A table of every version of Deno KV. */
const OWN_TABLE = "migration_state";

/**
 * Makes sure that the state file exists, is readable by its owner alone, is not damaged, and is no
 * database of somebody else, which Deno KV would take over without a word, as it does with very short
 * files: of those it even throws away what their log still holds.
 *
 * @throws {Fault} of kind `state` for a foreign database. @throws what the system says.
 */
export async function prepareStateFile(path: string): Promise<void> {
  // Before the file is made, so that a crash behind that changes nothing of the answer.
  await refuseShortened(path);
  if (await isNew(path)) return;
  checkIntegrity(path);
}

/** The first page of a database is written before anything goes to its log. */
async function refuseShortened(path: string): Promise<void> {
  if (await sizeOf(`${path}-wal`) === 0 || await sizeOf(path) >= PAGE_BYTES) return;
  throw new Error(`It is shorter than a page, and '${path}-wal' is not empty`);
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await Deno.stat(path)).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

/** Makes the file, or looks at its first page; whether it is empty. */
async function isNew(path: string): Promise<boolean> {
  using file = await Deno.open(path, { read: true, write: true, create: true, mode: 0o600 });
  const page = new Uint8Array(PAGE_BYTES);
  const length = await file.read(page) ?? 0;
  const text = new TextDecoder("latin1").decode(page.subarray(0, length));
  // In the words of the database, which says it of longer files.
  if (!text.startsWith(MAGIC.slice(0, length))) throw new Error("File is not a database");
  if (/CREATE TABLE/i.test(text) && !text.includes(OWN_TABLE)) {
    throw new Fault("state", `State file '${path}' is a database of another program`, {
      hint: "Move it away, or give this program a storage of its own",
    });
  }
  return length === 0;
}

/**
 * Deno KV ends the process over a damaged file, at any time and with nothing that could be caught
 * (Deno 2.7); here the same is an error.
 */
function checkIntegrity(path: string): void {
  using database = new DatabaseSync(path);
  const [row] = database.prepare("PRAGMA integrity_check(1)").all();
  if (row?.["integrity_check"] !== "ok") throw new Error("Database disk image is malformed");
}
