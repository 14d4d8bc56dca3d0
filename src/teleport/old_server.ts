import { type Client, Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { quotePeer } from "../core/quote_peer.ts";
import { AuditLogService } from "./gen/teleport/auditlog/v1/auditlog_pb.ts";
import type { AuthService } from "./gen/teleport/legacy/client/proto/authservice_pb.ts";
import { OLDEST_MAJOR, parseMajor } from "./server_version.ts";

/** Longest wait for a version, in milliseconds. */
const PING_TIMEOUT_MS = 5000;

/**
 * Says that a server is too old where that is why it does not know the call for events, which every
 * server since Teleport 13 does.
 */
export function refuseOldServer(
  auth: () => Pick<Client<typeof AuthService>, "ping">,
): Interceptor {
  return (next) => async (request) => {
    try {
      return await next(request);
    } catch (error) {
      const isMissing = request.method === AuditLogService.method.getUnstructuredEvents &&
        ConnectError.from(error).code === Code.Unimplemented;
      if (!isMissing) throw error;
      const { ServerVersion: version } = await auth().ping({}, {
        signal: request.signal,
        timeoutMs: PING_TIMEOUT_MS,
      }).catch(() => ({ ServerVersion: "" }));
      if (parseMajor(version) >= OLDEST_MAJOR) throw error;
      throw new ConnectError(
        `Teleport ${quotePeer(version)} is too old, Teleport ${OLDEST_MAJOR} or newer is needed`,
        Code.Unimplemented,
      );
    }
  };
}
