import { type AuthConnection, createAuthConnection } from "../teleport/auth_connection.ts";
import { probeEventRead, probeExportMode, probePing } from "../teleport/auth_probe.ts";
import { inspectTeleportCredentials } from "../teleport/credential_facts.ts";
import type { TeleportCredentials } from "../teleport/credentials.ts";
import { probeRoute } from "../teleport/route_finding.ts";
import { credentialPathsOf } from "./credential_paths.ts";
import { configOf, type DoctorFacts, networkOf } from "./doctor_facts.ts";
import type { Check } from "./doctor_run.ts";

/** Checks of the way to Teleport and of what the user may do there. */
export function teleportChecks(facts: DoctorFacts): readonly Check[] {
  const nowMs = () => facts.clock.nowMs();
  return [
    {
      name: "teleport-credentials",
      subject: "Teleport credentials",
      needs: ["settings"],
      async run() {
        const config = configOf(facts);
        const { credentials, finding } = await inspectTeleportCredentials(
          credentialPathsOf(config),
          nowMs(),
        );
        if (credentials !== undefined) facts.credentials = credentials;
        return finding;
      },
    },
    {
      name: "teleport-server",
      subject: "Teleport server",
      needs: ["teleport-credentials"],
      limitMs: 16_000,
      async run(signal) {
        const { teleportAddr, teleportIdentity } = configOf(facts);
        const { finding, route } = await probeRoute({
          address: teleportAddr,
          credentials: credentialsOf(facts),
          network: networkOf(facts),
          clock: facts.clock,
          authoritySetting: teleportIdentity === undefined ? "teleport.ca" : "the identity",
        }, signal);
        if (route !== undefined) facts.route = route;
        return finding;
      },
    },
    {
      name: "teleport-version",
      subject: "Teleport version",
      needs: ["teleport-server"],
      run: (signal) => withConnection(facts, ({ auth }) => probePing(auth, signal)),
    },
    {
      name: "teleport-role",
      subject: "Teleport role",
      needs: ["teleport-server"],
      async run(signal) {
        const { finding, newestMs } = await withConnection(
          facts,
          ({ auditLog }) => probeEventRead(auditLog, nowMs(), signal),
        );
        facts.newestMs = newestMs;
        facts.mayReadEvents = finding.status === "ok";
        if (!facts.mayReadEvents || !configOf(facts).lockEnabled) return finding;
        const untried = "Not tried, as that would lock somebody: create and update on lock";
        return { ...finding, details: [...finding.details ?? [], untried] };
      },
    },
    {
      name: "teleport-export",
      subject: "Teleport export",
      needs: ["teleport-role"],
      run: (signal) =>
        withConnection(facts, ({ auditLog }) => probeExportMode(auditLog, nowMs(), signal)),
    },
  ];
}

async function withConnection<T>(
  facts: DoctorFacts,
  use: (connection: AuthConnection) => Promise<T>,
): Promise<T> {
  using connection = createAuthConnection({
    ...configOf(facts).teleportAddr,
    credentials: credentialsOf(facts),
    network: networkOf(facts),
    route: facts.route,
  });
  return await use(connection);
}

function credentialsOf({ credentials }: DoctorFacts): TeleportCredentials {
  if (credentials === undefined) throw new TypeError("Cannot check without credentials");
  return credentials;
}
