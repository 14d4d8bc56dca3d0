import assert from "node:assert/strict";
import { candidatePorts } from "../../../src/teleport/routes/candidate_ports.ts";
import { alpnProtocolFor, isRoutable } from "../../../src/teleport/routes/cluster_protocol.ts";
import { parseUpgradeOverride } from "../../../src/teleport/routes/upgrade_override.ts";

const ROWS: readonly [text: string, answers: readonly (boolean | undefined)[]][] = [
  ["", [undefined, undefined]],
  ["true", [true, true]],
  ["0", [false, false]],
  ["proxy.test:443=yes", [true, undefined]],
  ["Proxy.test=no", [false, undefined]],
  ["proxy.test:3080=yes", [undefined, undefined]],
  ["proxy.test:443=yes,other.test=no", [true, false]],
  ["0,other.test=1", [false, true]],
  ["other.test=1,0", [false, true]],
  ["maybe,,=,x=y=z", [undefined, undefined]],
];

for (const [text, answers] of ROWS) {
  Deno.test(`parseUpgradeOverride() reads '${text}' as the official client does`, () => {
    const find = parseUpgradeOverride(text);
    assert.equal(find({ host: "proxy.test", port: 443 }), answers[0]);
    assert.equal(find({ host: "other.test", port: 443 }), answers[1]);
  });
}

Deno.test("candidatePorts() begins with the port that the name of the host suggests", () => {
  for (const host of ["teleport.example.com", "proxy", "example.teleport.sh", "author.test"]) {
    assert.deepEqual(candidatePorts(host), [443, 3080, 3025], host);
  }
  for (
    const host of [
      "auth.example.com",
      "teleport-auth.ns.svc",
      "auth0",
      "localhost",
      "10.0.0.1",
      "::1",
    ]
  ) {
    assert.deepEqual(candidatePorts(host), [3025, 443, 3080], host);
  }
});

Deno.test("alpnProtocolFor() writes a cluster's name as the hex of its bytes, however odd", () => {
  assert.equal(alpnProtocolFor("a.b"), "teleport-auth@612e62.teleport.cluster.local");
  assert.equal(alpnProtocolFor("ü\n"), "teleport-auth@c3bc0a.teleport.cluster.local");
  assert.ok(isRoutable("x".repeat(109)));
  assert.ok(!isRoutable("x".repeat(110)));
  assert.ok(!isRoutable(""));
});
