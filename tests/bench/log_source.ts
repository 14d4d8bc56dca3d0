import { systemClock } from "../../src/core/clock.ts";
import { type AuthConnection, createAuthConnection } from "../../src/teleport/auth_connection.ts";
import { readTeleportCredentials } from "../../src/teleport/credentials.ts";
import { LogStream } from "../../src/teleport/log_stream.ts";
import type { Part } from "./part.ts";

const DAY_MS = 86_400_000;

/** Connects as the program does. */
export async function connect({ address, identity }: Part): Promise<AuthConnection> {
  const [host, port] = address.split(":") as [string, string];
  const credentials = await readTeleportCredentials({ identity }, Date.now());
  return createAuthConnection({ host, port: Number(port), credentials });
}

/** The audit log by pages, to its end. */
export function createLogStream(part: Part, { auditLog }: AuthConnection): LogStream {
  return new LogStream({
    auditLog,
    clock: systemClock,
    types: [],
    pageSize: part.pageSize,
    windowMs: DAY_MS,
    pollMs: 1000,
    lookbackMs: 0,
    endWhenCaughtUp: true,
    stallMs: DAY_MS,
    onStalled() {},
    onMoving() {},
    onPassedOver() {},
  });
}
