import { type Client, createClient } from "@connectrpc/connect";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { type Clock, systemClock } from "../core/clock.ts";
import { type AuditLogClient, createAuditLogClient } from "./audit_log_client.ts";
import { AuthSessions } from "./auth_sessions.ts";
import { AuthService } from "./gen/teleport/legacy/client/proto/authservice_pb.ts";
import { GrpcTransport } from "./grpc_transport.ts";
import type { TeleportKeyMaterial } from "./identity_file.ts";
import { joinWrites } from "./join_writes.ts";
import { AUTH_SERVER_NAME, checkAuthServer } from "./server_identity.ts";

/** Longest time to a finished TLS handshake; the official client's dial time-out. */
const CONNECT_TIMEOUT_MS = 30_000;
/** The official client stops at 4 MiB and stalls for ever at a larger event. */
const RECEIVE_MAX_BYTES = 64 * 1024 * 1024;

/** How to reach an auth server. */
export interface AuthConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly credentials: TeleportKeyMaterial;
  /**
   * Longest time for one call, in milliseconds. After a silence of that length the next call goes over
   * a new connection. @default {60000}
   */
  readonly callTimeoutMs?: number;
  /** @default {that of the machine} */
  readonly clock?: Clock;
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
 * Creates a connection to an auth server; nothing is dialled yet. The server must prove itself with a
 * certificate of the cluster's own authorities for `teleport.cluster.local`. No `version` header is
 * sent: the server refuses old versions but takes callers that name none (facts: lib/auth/middleware).
 */
export function createAuthConnection(options: AuthConnectionOptions): AuthConnection {
  const { host, port } = options;
  let { credentials } = options;
  const baseUrl = `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
  const clock = options.clock ?? systemClock;
  const callTimeoutMs = options.callTimeoutMs ?? 60_000;
  const sessionManager = new AuthSessions({
    baseUrl,
    createConnection: () => dial(host, port, credentials),
    clock,
  });
  const transport = new GrpcTransport({
    sessions: sessionManager,
    maxMessageBytes: RECEIVE_MAX_BYTES,
    timeoutMs: callTimeoutMs,
    clock,
  });
  return {
    auditLog: createAuditLogClient(transport),
    auth: createClient(AuthService, transport),
    useCredentials(next) {
      credentials = next;
      sessionManager.renew();
    },
    [Symbol.dispose]: () => sessionManager[Symbol.dispose](),
  };
}

function dial(host: string, port: number, credentials: TeleportKeyMaterial): TLSSocket {
  const socket = connectTls({
    host,
    port,
    servername: AUTH_SERVER_NAME,
    ALPNProtocols: ["h2"],
    ca: [...credentials.authorities],
    cert: credentials.certificate,
    key: credentials.key,
    minVersion: "TLSv1.2",
    checkServerIdentity: (name, peer) => checkAuthServer(name, peer, credentials.authorities),
  });
  socket.setTimeout(CONNECT_TIMEOUT_MS, () => {
    socket.destroy(
      new Error(`No connection to ${host}:${port} within ${CONNECT_TIMEOUT_MS / 1000} s`),
    );
  });
  socket.once("secureConnect", () => socket.setTimeout(0));
  joinWrites(socket);
  return socket;
}
