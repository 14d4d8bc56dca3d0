/** What is loaded when: half of the time of a start is loading. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const ROOT = new URL("../../", import.meta.url);

/** What `deno info` tells of a module. */
interface ModuleInfo {
  readonly specifier: string;
  readonly dependencies?: readonly {
    readonly code?: { readonly specifier: string };
    readonly isDynamic?: boolean;
  }[];
}

Deno.test("The program loads nothing of a command before it knows which one is wanted", async () => {
  const loaded = (await readGraph())("main.ts");
  const packages = loaded.filter((name) => name.startsWith("npm:"));
  assert.deepEqual(packages.map((name) => name.replace(/@[\d.]+$/, "")), ["npm:/commander"]);
  const adapters = loaded.filter((name) =>
    /^src\/(diagnostics|fluentd|pipeline|state)\//.test(name)
  );
  assert.deepEqual(adapters, []);
});

Deno.test("start reads the settings before it loads what speaks to Teleport", async () => {
  const loaded = (await readGraph())("src/cli/start_command.ts");
  assert.deepEqual(loaded.filter((name) => /connectrpc|bufbuild/.test(name)), []);
});

Deno.test("start loads what few runs need in those alone", async () => {
  const reach = await readGraph();
  const loaded = [...reach("src/cli/start_command.ts"), ...reach("src/cli/forward_log.ts")];
  assert.ok(loaded.includes("src/teleport/log_stream.ts"));
  for (
    const name of [
      "src/cli/require_peers.ts",
      "src/cli/run_replica.ts",
      "src/diagnostics/otel_tracer.ts",
      "src/diagnostics/prometheus_metrics.ts",
      "src/diagnostics/status_page.ts",
      "src/state/kv_server.ts",
    ]
  ) {
    assert.ok(await isFile(name), name);
    assert.ok(!loaded.includes(name), name);
  }
});

/** Reads who imports whom, and gives what a file loads with itself, by paths from the root. */
async function readGraph(): Promise<(path: string) => readonly string[]> {
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--quiet", "--json", "main.ts"],
    cwd: fileURLToPath(ROOT),
  }).output();
  assert.ok(success);
  const { modules, redirects } = JSON.parse(new TextDecoder().decode(stdout)) as {
    readonly modules: readonly ModuleInfo[];
    readonly redirects: { readonly [specifier: string]: string };
  };
  const byName = new Map(modules.map((module) => [module.specifier, module]));
  return (path) => {
    const seen = new Set([new URL(path, ROOT).href]);
    for (const name of seen) {
      for (const { code, isDynamic } of byName.get(name)?.dependencies ?? []) {
        if (code === undefined || isDynamic === true) continue;
        seen.add(redirects[code.specifier] ?? code.specifier);
      }
    }
    return [...seen].map((name) => name.replace(ROOT.href, ""));
  };
}

function isFile(path: string): Promise<boolean> {
  return Deno.stat(new URL(path, ROOT)).then(({ isFile }) => isFile, () => false);
}
