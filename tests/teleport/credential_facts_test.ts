import assert from "node:assert/strict";
import { inspectTeleportCredentials } from "../../src/teleport/credential_facts.ts";
import {
  formatIdentity,
  issueTestCertificate,
  teleportCertificates,
} from "../support/certificates.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const DAY_MS = 86_400_000;

/** Users, the days that their certificates have left, and what is found. */
const IDENTITIES = [
  ["teleport-event-handler", 6, "warning"],
  ["teleport-event-handler", 8, "ok"],
  ["bot-event-handler", 1, "ok"],
] as const;

for (const [user, days, status] of IDENTITIES) {
  Deno.test(`inspectTeleportCredentials() finds an identity of '${user}' with ${days} days left ${status}`, async () => {
    await using folder = await temporaryFolder();
    const { hostAuthority, userAuthority } = await teleportCertificates();
    const nowMs = Date.now();
    const client = await issueTestCertificate(userAuthority, {
      commonName: user,
      usage: "client",
      notAfterMs: nowMs + days * DAY_MS + 60_000,
    });
    const identity = folder.join("identity");
    const authorityPems = [hostAuthority.certificatePem];
    await Deno.writeTextFile(identity, formatIdentity({ ...client, authorityPems }));
    const { finding } = await inspectTeleportCredentials({ identity }, nowMs);
    assert.equal(finding.status, status);
    assert.match(finding.text, new RegExp(`^User '${user}' .* until `));
    if (status === "warning") assert.match(finding.advice!, /or let tbot renew it$/);
  });
}
