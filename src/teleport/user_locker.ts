import { type Client } from "@connectrpc/connect";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { UserLock, UserLocker } from "../pipeline/ports.ts";
import type { AuthService } from "./gen/teleport/legacy/client/proto/authservice_pb.ts";
import { toTeleportFault } from "./grpc_fault.ts";

/** What every lock of the handler says, in the words of the Go handler. */
const MESSAGE = "User is locked due to too many failed login attempts";

/** Locks users through the auth service (UpsertLock). */
export class TeleportUserLocker implements UserLocker {
  readonly #auth: Pick<Client<typeof AuthService>, "upsertLock">;

  constructor(auth: Pick<Client<typeof AuthService>, "upsertLock">) {
    this.#auth = auth;
  }

  async lock({ expiresMs, login, user }: UserLock, signal: AbortSignal): Promise<void> {
    try {
      await this.#auth.upsertLock({
        Kind: "lock",
        Version: "v2",
        Metadata: { Name: formatLockName(user, login), Namespace: "default" },
        Spec: {
          Target: { User: user, Login: login },
          Message: MESSAGE,
          ...(expiresMs === undefined ? {} : { Expires: timestampFromMs(expiresMs) }),
        },
      }, { signal });
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw toTeleportFault(`lock the user ${JSON.stringify(user)}`, error);
    }
  }
}

/** The Go handler's name for the lock; what could leave its place in the server's keys is replaced. */
function formatLockName(user: string, login: string): string {
  const name = `event-handler-auto-lock-${user}-${login}`;
  return name.replaceAll(/[^A-Za-z0-9._@+:-]/g, "_").slice(0, 250);
}
