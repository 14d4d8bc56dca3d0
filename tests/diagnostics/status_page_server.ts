/** Serves a status page of a run that a test makes up, by the routes and the server of the program. */
import { systemClock } from "../../src/core/clock.ts";
import { openDiagnosticsServer } from "../../src/diagnostics/diagnostics_server.ts";
import type { RunSnapshot } from "../../src/diagnostics/run_snapshot.ts";
import { createStatusRoutes } from "../../src/diagnostics/status_routes.ts";
import { findFreePort } from "../support/free_port.ts";

/** A server whose run may change while a browser looks on. */
export interface StatusPageServer extends AsyncDisposable {
  readonly url: string;
  run: RunSnapshot;
}

/** Starts to serve the status page of a run; at `port` where one is given. */
export function serveStatusPage(run: RunSnapshot, port: number = findFreePort()): StatusPageServer {
  const server = openDiagnosticsServer({
    host: "127.0.0.1",
    port,
    name: "the test's address",
    routes: createStatusRoutes(() => served.run, systemClock),
    onError(error) {
      throw error;
    },
  });
  const served: StatusPageServer = {
    url: `http://127.0.0.1:${port}/`,
    run,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
  return served;
}
