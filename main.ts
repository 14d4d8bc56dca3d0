import { readProcessEnvironment } from "./src/cli/process_environment.ts";
import { runCli } from "./src/cli/run_cli.ts";

// The only place that ends the process: whatever still waits somewhere must not keep it alive.
Deno.exit(await runCli({ args: Deno.args, env: readProcessEnvironment(), pid: Deno.pid }));
