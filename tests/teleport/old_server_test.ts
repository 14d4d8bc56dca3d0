import assert from "node:assert/strict";
import { createClient, createRouterTransport, type Interceptor } from "@connectrpc/connect";
import { AuditLogService } from "../../src/teleport/gen/teleport/auditlog/v1/auditlog_pb.ts";
import { AuthService } from "../../src/teleport/gen/teleport/legacy/client/proto/authservice_pb.ts";
import { toTeleportFault } from "../../src/teleport/grpc_fault.ts";
import { refuseOldServer } from "../../src/teleport/old_server.ts";
import { parseMajor } from "../../src/teleport/server_version.ts";

/** A server of a version that knows no calls for events. */
async function faultOf(version: string | undefined) {
  const interceptor: Interceptor = refuseOldServer(() => auth);
  const transport = createRouterTransport(({ service }) => {
    if (version === undefined) return;
    service(AuthService, { ping: () => ({ ServerVersion: version }) });
  }, { transport: { interceptors: [interceptor] } });
  const auth = createClient(AuthService, transport);
  const auditLog = createClient(AuditLogService, transport);
  const error = await auditLog.getUnstructuredEvents({}).then(() => {}, (error) => error);
  return toTeleportFault("read the audit log", error);
}

Deno.test("refuseOldServer() says that a server is older than 13, where that is why a call is missing", async () => {
  const fault = await faultOf("12.4.1");
  assert.equal(fault.kind, "unsupported");
  assert.match(
    fault.text,
    /^Cannot read the audit log: Teleport 12\.4\.1 is too old, Teleport 13 or newer is needed/,
  );
});

for (const version of ["13.0.0", "18.2.0-dev", "", undefined]) {
  Deno.test(`refuseOldServer() leaves the error as it is when the server's version is ${version}`, async () => {
    const fault = await faultOf(version);
    assert.equal(fault.kind, "unsupported");
    assert.ok(!fault.text.includes("too old"), fault.text);
  });
}

Deno.test("parseMajor() takes what is no version for a new one", () => {
  assert.deepEqual(["12.4.1", "v9", "13", "18.0.0-x", "", "dev"].map(parseMajor), [
    12,
    9,
    13,
    18,
    13,
    13,
  ]);
});
