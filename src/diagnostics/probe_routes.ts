import { answer, type Route } from "./diagnostics_server.ts";
import { judgeReadiness } from "./readiness.ts";
import type { RunSnapshot } from "./run_snapshot.ts";

/**
 * What orchestrators ask. `/livez` and `/healthz`: whether the process should live, which no peer
 * decides; that it answers is the proof. `/readyz`: whether events flow, and what is in their way.
 */
export function createProbeRoutes(
  snapshot: () => RunSnapshot,
): { readonly [path: string]: Route } {
  const live: Route = () => answer(200, "ok");
  return {
    "/livez": live,
    "/healthz": live,
    "/readyz": (request) => answerReadiness(request, snapshot()),
  };
}

/** In the form of Kubernetes' own servers; the list of conditions is always there when one fails. */
function answerReadiness(request: Request, run: RunSnapshot): Response {
  const conditions = judgeReadiness(run);
  const isReady = conditions.every(({ problem }) => problem === undefined);
  const isVerbose = new URL(request.url).searchParams.has("verbose");
  if (isReady && !isVerbose) return answer(200, "ok");
  const lines = conditions.map(({ name, problem }) =>
    problem === undefined ? `[+]${name} ok` : `[-]${name} failed: ${problem}`
  );
  lines.push(`readyz check ${isReady ? "passed" : "failed"}`);
  return answer(isReady ? 200 : 503, lines.join("\n"));
}
