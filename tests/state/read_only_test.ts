import assert from "node:assert/strict";
import { startStateProcess } from "../support/state_process.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

/** What a process may not do in a folder that it may only read, and what it says about that. */
const ROWS = [
  {
    command: "commit",
    file: "state.kv",
    said: /Fault: State file '.*state\.kv' cannot be opened for writing \(Permission denied/,
  },
  {
    command: "lock",
    file: "",
    said: /Fault: Cannot write to the storage folder '.*': Permission denied/,
  },
] as const;

for (const { command, file, said } of ROWS) {
  for (const isThere of [true, false]) {
    Deno.test({
      name: `A read-only folder is refused with its name (${command}, files ${
        isThere ? "there" : "missing"
      })`,
      ignore: Deno.build.os !== "linux",
      async fn() {
        await using folder = await temporaryFolder();
        const storage = folder.join("storage");
        const cache = folder.join("cache");
        await Deno.mkdir(storage);
        await Deno.mkdir(cache);
        if (isThere) {
          for (const name of ["state.kv", "lock"]) {
            await Deno.writeTextFile(`${storage}/${name}`, "", { mode: 0o444 });
          }
        }
        for (
          const [path, mode] of [[folder.path, 0o755], [cache, 0o777], [storage, 0o555]] as const
        ) {
          await Deno.chmod(path, mode);
        }
        const path = file === "" ? storage : `${storage}/${file}`;
        await using child = startStateProcess({ command, path, nobodyCache: cache });
        await child.waitForLine(said);
        assert.equal((await child.waitForExit()).code, 1);
        await Deno.chmod(storage, 0o755);
      },
    });
  }
}
