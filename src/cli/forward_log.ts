import type { Config } from "../config/config.ts";
import type { Clock } from "../core/clock.ts";
import { Fault } from "../core/fault.ts";
import type { Logger } from "../core/logger.ts";
import type { ReceiverTls } from "../fluentd/lane.ts";
import { DeliveryLog } from "../log/delivery_log.ts";
import type { RunStatus } from "../diagnostics/run_status.ts";
import { ByteBudget } from "../pipeline/byte_budget.ts";
import { observeAll } from "../pipeline/observe_all.ts";
import { patientStore } from "../pipeline/patient_store.ts";
import type { PositionStore } from "../pipeline/ports.ts";
import { storageFolderFor } from "../state/storage_folder.ts";
import { type AuthConnection, createAuthConnection } from "../teleport/auth_connection.ts";
import type { TeleportCredentials } from "../teleport/credentials.ts";
import { adoptGoState } from "./adopt_go_state.ts";
import { CredentialWatch } from "./credential_watch.ts";
import { createSinks } from "./create_sinks.ts";
import type { Diagnostics } from "./diagnostics.ts";
import type { Forwarding } from "./forwarding.ts";
import { firstLogPosition } from "./first_position.ts";
import { createQuarantine, openQuarantine, type QuarantinePlace } from "./open_quarantine.ts";
import { openStore } from "./open_store.ts";
import { runStreams } from "./run_streams.ts";
import { settleGoState } from "./settle_go_state.ts";
import type { TeleportNetwork } from "../teleport/routes/route.ts";
import { tellOfRoute } from "./tell_of_route.ts";
import { tellOfCut, tellOfUnstored } from "./tell_of_cut.ts";
import { watchRun } from "./watch_run.ts";
import { watchServerTime } from "./watch_server_time.ts";

/** What forwarding needs, all of it checked. */
export interface ForwardLogInput extends Pick<Forwarding, "stop" | "abort"> {
  readonly config: Config;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly pid: number;
  readonly credentials: TeleportCredentials;
  readonly receiverTls: ReceiverTls;
  readonly diagnostics: Diagnostics;
  /** The network between here and the peers. */
  readonly network: TeleportNetwork;
}

const GOODBYE_MS = 20;
/** Builds everything that a run consists of, and runs it until it ends or is stopped. */
export async function forwardLog(input: ForwardLogInput): Promise<void> {
  const { abort, clock, config, credentials, logger } = input;
  const { isServed, status, tracer } = input.diagnostics;
  await using goodbye = new AsyncDisposableStack();
  const observer = new DeliveryLog({
    logger,
    clock,
    sentMessage: config.dryRun ? "Event would be sent" : "Event sent",
  });
  let isForwarding = false;
  // The last line of a run, unless it could not begin.
  goodbye.defer(() => {
    if (isForwarding || input.stop.aborted) observer.finish();
  });
  goodbye.defer(() => tellOfUnstored(status.snapshot(), { logger, stop: input.stop }));
  abort.addEventListener("abort", () => tellOfCut(status.snapshot(), { logger }), { once: true });
  // Connections are closed by the runtime's own threads, TLS goodbye first; a process that ends at once
  // cuts that off, and Fluentd logs a warning for each.
  goodbye.defer(() => clock.sleep(GOODBYE_MS));
  using cleanup = new DisposableStack();
  const folder = storageFolderFor(config.storage, config.teleportAddr);
  const told = observeAll([observer, status]);
  const store = await openStore({ ...input, observer: told }, folder);
  if (store === undefined) return;
  cleanup.use(store);
  const patient = patientStore(store, { ...input, observer: told });
  await adoptGoState({ ...input, store: patient });
  const connection = cleanup.use(createAuthConnection({
    ...config.teleportAddr,
    credentials,
    callTimeoutMs: config.teleportTimeoutMs,
    network: input.network,
    onRoute: (route) => tellOfRoute(route, { logger, status }),
  }));
  const sinks = createSinks(input, cleanup);
  const credentialWatch = new CredentialWatch(input);
  const { useCredentials } = connection;
  cleanup.use(credentialWatch.start({ useCredentials, useTls: sinks.useTls }));
  status.useCredentials(credentialWatch.statuses);
  if (isServed && !config.dryRun) await noteQuarantined({ config, folder }, status);
  const firstPosition = await readFirstPosition(input, {
    store: patient,
    connection,
  });
  if (firstPosition === undefined) return;
  status.readFrom(firstPosition.fromMs);
  if (isServed) goodbye.use(watchServerTime({ clock, status, auditLog: connection.auditLog }));
  const parts = {
    ...input,
    store,
    connection,
    observer,
    quarantine: createQuarantine({ config, folder }, store.server, clock),
    budget: new ByteBudget(config.maxInFlightBytes),
    sinkFor: sinks.sinkFor,
    status,
    tracer,
  };
  isForwarding = true;
  const { server } = store;
  if (server !== undefined) {
    const { runReplica } = await import("./run_replica.ts");
    const onBeginAnew = () => {
      observer.beginAnew();
      status.beginAnew();
    };
    return await runReplica(parts, { firstPosition, logger, server, onBeginAnew });
  }
  const { held } = store;
  await runStreams(watchRun(parts), { firstPosition, held, logger });
  // A run that was stopped must not seem to be well either.
  await held?.check();
}

/** A quarantine that cannot be read is told of when something has to go there. */
async function noteQuarantined(place: QuarantinePlace, status: RunStatus): Promise<void> {
  using quarantine = await openQuarantine(place);
  const found = await quarantine.measure().catch(() => undefined);
  if (found !== undefined) status.foundQuarantined(found.count);
}

/** Undefined when the run was stopped before Teleport could be asked. */
async function readFirstPosition(
  input: ForwardLogInput,
  { store, connection }: { store: PositionStore; connection: AuthConnection },
) {
  try {
    if (input.config.failFast) {
      const { requirePeers } = await import("./require_peers.ts");
      await requirePeers({ ...input, connection });
    }
    await settleGoState({ ...input, store, auditLog: connection.auditLog });
    return await firstLogPosition({
      startMs: input.config.startTimeMs,
      cursor: input.config.cursor,
      auditLog: connection.auditLog,
      ...input,
      store,
    });
  } catch (error) {
    if (error instanceof Fault || !input.stop.aborted) throw error;
    return undefined;
  }
}
