import { type Client, createClient } from "@connectrpc/connect";
import { type Clock, systemClock } from "../core/clock.ts";
import { type AuditLogClient, createAuditLogClient } from "./audit_log_client.ts";
import { AuthSessions } from "./auth_sessions.ts";
import { AuthService } from "./gen/teleport/legacy/client/proto/authservice_pb.ts";
import { GrpcTransport } from "./grpc_transport.ts";
import type { TeleportKeyMaterial } from "./identity_file.ts";
import { refuseOldServer } from "./old_server.ts";
import { PLAIN_NETWORK, type Route, type TeleportNetwork } from "./routes/route.ts";
import { RouteFinder } from "./routes/route_finder.ts";
import type { TeleportAddress } from "./routes/search_ports.ts";
import { AUTH_SERVER_NAME } from "./server_identity.ts";

/** What calls name as their server, whatever the way to it. */
const BASE_URL = `https://${AUTH_SERVER_NAME}`;
/** The official client stops at 4 MiB and stalls for ever at a larger event. */
const RECEIVE_MAX_BYTES = 64 * 1024 * 1024;

/** How to reach the auth service of a cluster: at its own address, or at that of a proxy. */
export interface AuthConnectionOptions extends TeleportAddress {
  readonly credentials: TeleportKeyMaterial;
  /**
   * Longest time for one call, in milliseconds. After a silence of that length the next call goes over
   * a new connection. @default {60000}
   */
  readonly callTimeoutMs?: number;
  /** @default {that of the machine} */
  readonly clock?: Clock;
  /** @default {without HTTP proxies and authorities of its own} */
  readonly network?: TeleportNetwork;
  /** A way that is known to work. @default {none: it is searched} */
  readonly route?: Route | undefined;
  /** Longest time for one attempt to connect, in milliseconds. @default {30000} */
  readonly attemptMs?: number;
  /** Told of the way that was found, and of each other one later. */
  readonly onRoute?: (route: Route) => void;
}

/** The auth server's services, over a connection that is made when first needed and re-made when lost. */
export interface AuthConnection extends Disposable {
  readonly auditLog: AuditLogClient;
  readonly auth: Client<typeof AuthService>;
  /**
   * Shows other credentials from the next call on, over a new connection. Calls under way end over the
   * old one; what takes longer than some 40 s is ended as by a lost connection.
   */
  useCredentials(credentials: TeleportKeyMaterial): void;
}

/**
 * Creates a connection to an auth service; nothing is dialled yet, and by which way is found out by the
 * first call (routes/route_finder.ts). The server must prove itself with a
 * certificate of the cluster's own authorities for `teleport.cluster.local`. No `version` header is
 * sent: the server refuses old versions but takes callers that name none (facts: lib/auth/middleware).
 */
export function createAuthConnection(options: AuthConnectionOptions): AuthConnection {
  let { credentials } = options;
  const clock = options.clock ?? systemClock;
  const callTimeoutMs = options.callTimeoutMs ?? 60_000;
  const routes = new RouteFinder({
    ...options,
    address: options,
    clock,
    network: options.network ?? PLAIN_NETWORK,
  });
  const sessionManager = new AuthSessions({
    baseUrl: BASE_URL,
    openSocket: (signal) => routes.open(credentials, signal),
    clock,
  });
  const transport: GrpcTransport = new GrpcTransport({
    sessions: sessionManager,
    maxMessageBytes: RECEIVE_MAX_BYTES,
    timeoutMs: callTimeoutMs,
    interceptor: refuseOldServer(() => auth),
    clock,
  });
  const auth = createClient(AuthService, transport);
  return {
    auditLog: createAuditLogClient(transport),
    auth,
    useCredentials(next) {
      credentials = next;
      sessionManager.renew();
    },
    [Symbol.dispose]: () => sessionManager[Symbol.dispose](),
  };
}
