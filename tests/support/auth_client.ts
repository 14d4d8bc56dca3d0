/** A plain gRPC client of the audit log, for tests of the auth servers themselves. */
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import tls from "node:tls";
import { AuditLogService } from "../../src/teleport/gen/teleport/auditlog/v1/auditlog_pb.ts";

/** Where to connect, and as whom. */
export interface AuthClientOptions {
  readonly address: string;
  readonly authorityPem: string;
  /** Left out, the client shows no certificate. */
  readonly certificatePem?: string;
  readonly privateKeyPem?: string;
}

/** A client and its one connection. */
export interface AuthClient extends Disposable {
  readonly auditLog: Client<typeof AuditLogService>;
  readonly transport: Transport;
}

/** Opens a client; it connects with its first call. */
export function openAuthClient(options: AuthClientOptions): AuthClient {
  const baseUrl = "https://teleport.cluster.local";
  const { hostname, port } = new URL(`tcp://${options.address}`);
  const sessions = new QuietSessionManager(baseUrl, {}, {
    createConnection: () =>
      tls.connect({
        host: hostname,
        port: Number(port),
        servername: "teleport.cluster.local",
        ALPNProtocols: ["h2"],
        ca: options.authorityPem,
        cert: options.certificatePem,
        key: options.privateKeyPem,
      }),
  });
  const transport = createGrpcTransport({
    baseUrl,
    sessionManager: sessions,
    readMaxBytes: 64 * 1024 * 1024,
  });
  return {
    transport,
    auditLog: createClient(AuditLogService, transport),
    [Symbol.dispose]: () => sessions.abort(),
  };
}

/**
 * Keeps a listener for errors on each session. A session that broke raises its error a little later
 * than its streams; when the manager was told to abort in between, it has taken its own listeners
 * away already, and the error would end the process.
 */
class QuietSessionManager extends Http2SessionManager {
  readonly #known = new WeakSet<object>();

  override async request(
    ...args: Parameters<Http2SessionManager["request"]>
  ): ReturnType<Http2SessionManager["request"]> {
    const stream = await super.request(...args);
    const { session } = stream;
    if (session !== undefined && !this.#known.has(session)) {
      this.#known.add(session);
      session.on("error", () => {});
    }
    return stream;
  }
}
