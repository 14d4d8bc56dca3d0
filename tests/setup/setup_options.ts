import { configure, type ConfigureReport, type SetupDialogue } from "../../src/setup/configure.ts";
import type { SetupDisk } from "../../src/setup/file_set.ts";
import type { SetupOptions } from "../../src/setup/setup_options.ts";

/** Options as `configure FOLDER` has them, but for keys that are made in no time. */
export function setupOptions(folder: string, changes: Partial<SetupOptions> = {}): SetupOptions {
  return {
    folder,
    shownFolder: folder,
    workingFolder: "/somewhere",
    address: "localhost:3025",
    isProxy: false,
    names: { ca: "ca", server: "server", client: "client" },
    ttlMs: 24 * 3_600_000,
    dnsNames: ["localhost"],
    ipAddresses: ["127.0.0.1", "::1"],
    keyType: "ecdsa",
    rsaBits: 2048,
    encryptServerKey: true,
    destinations: [],
    autoLock: false,
    classicFluentConf: false,
    ...changes,
  };
}

/** How a test runs `configure`. */
export interface RunOptions {
  readonly passphrase?: string;
  readonly force?: boolean;
  /** Answers to questions, asked in order; without them nobody can be asked. */
  readonly answers?: readonly boolean[];
  /** Collects the questions. */
  readonly questions?: string[];
  readonly disk?: SetupDisk;
}

/** Runs `configure` in this process. */
export async function runSetup(
  options: SetupOptions,
  run: RunOptions = {},
): Promise<ConfigureReport> {
  const answers = [...run.answers ?? []];
  const dialogue: SetupDialogue = {
    confirm: run.answers === undefined ? undefined : (question) => {
      run.questions?.push(question);
      const answer = answers.shift();
      if (answer === undefined) throw new Error(`Nobody expects the question: ${question}`);
      return Promise.resolve(answer);
    },
    readPassphrase: () => Promise.resolve(run.passphrase),
  };
  return await configure({
    options,
    force: run.force ?? false,
    nowMs: Date.now(),
    dialogue,
    ...(run.disk === undefined ? {} : { disk: run.disk }),
  });
}

/** Everything in a folder: names and contents. */
export async function readFolder(folder: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for await (const { isFile, name } of Deno.readDir(folder)) {
    files[name] = isFile ? await Deno.readTextFile(`${folder}/${name}`) : "(no file)";
  }
  return files;
}
