import type { Logger } from "../core/logger.ts";
import type { RunStatus } from "../diagnostics/run_status.ts";
import { describeRoute, type Route } from "../teleport/routes/route.ts";

/** Says by which way Teleport is reached: when it was found, and when it is another one. */
export function tellOfRoute(
  route: Route,
  { logger, status }: { readonly logger: Logger; readonly status: Pick<RunStatus, "useRoute"> },
): void {
  const text = describeRoute(route);
  status.useRoute(text);
  logger.info("Teleport is reached", { route: text });
}
