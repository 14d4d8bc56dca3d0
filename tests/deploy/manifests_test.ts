/** What stands in tests/deploy/rendered, judged by Kubernetes' own schemas and types, and by our settings. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Certificate } from "@kubernetes-models/cert-manager/cert-manager.io/v1/Certificate";
import { Issuer } from "@kubernetes-models/cert-manager/cert-manager.io/v1/Issuer";
import { PrometheusRule } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule";
import { ServiceMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor";
import { Deployment } from "kubernetes-models/apps/v1/Deployment";
import { NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1/NetworkPolicy";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1/PodDisruptionBudget";
import { Role } from "kubernetes-models/rbac.authorization.k8s.io/v1/Role";
import { RoleBinding } from "kubernetes-models/rbac.authorization.k8s.io/v1/RoleBinding";
import { ConfigMap } from "kubernetes-models/v1/ConfigMap";
import { PersistentVolumeClaim } from "kubernetes-models/v1/PersistentVolumeClaim";
import { Service } from "kubernetes-models/v1/Service";
import { ServiceAccount } from "kubernetes-models/v1/ServiceAccount";
import type { ConfigFiles } from "../../src/config/config_files.ts";
import { loadConfig } from "../../src/config/load_config.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import {
  findManifest,
  type Manifest,
  parseManifests,
  readRendered,
  settingsOf,
  VALUES_NAMES,
} from "./rendered_chart.ts";

const CERT_MANAGER = "@kubernetes-models/cert-manager/cert-manager.io/v1";
const OPERATOR = "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";

// deno-lint-ignore no-explicit-any -- each takes its own kind
type Model = new (data: any) => { validate(): void };

/** Kinds that there are schemas and types for: those of Teleport's operator are not published. */
const KINDS: Readonly<Record<string, readonly [Model, string]>> = {
  Certificate: [Certificate, CERT_MANAGER],
  ConfigMap: [ConfigMap, "kubernetes-models/v1"],
  Deployment: [Deployment, "kubernetes-models/apps/v1"],
  Issuer: [Issuer, CERT_MANAGER],
  NetworkPolicy: [NetworkPolicy, "kubernetes-models/networking.k8s.io/v1"],
  PersistentVolumeClaim: [PersistentVolumeClaim, "kubernetes-models/v1"],
  PodDisruptionBudget: [PodDisruptionBudget, "kubernetes-models/policy/v1"],
  PrometheusRule: [PrometheusRule, OPERATOR],
  Role: [Role, "kubernetes-models/rbac.authorization.k8s.io/v1"],
  RoleBinding: [RoleBinding, "kubernetes-models/rbac.authorization.k8s.io/v1"],
  Service: [Service, "kubernetes-models/v1"],
  ServiceAccount: [ServiceAccount, "kubernetes-models/v1"],
  ServiceMonitor: [ServiceMonitor, OPERATOR],
};

const rendered = new Map(VALUES_NAMES.map((name) => [name, parseManifests(readRendered(name))]));
const isOperators = ({ apiVersion }: Manifest) => apiVersion.startsWith("resources.teleport.dev/");

for (const [name, manifests] of rendered) {
  Deno.test(`rendered/${name}.yaml is valid by the schema of each kind`, () => {
    for (const manifest of manifests.filter((manifest) => !isOperators(manifest))) {
      const [model] = KINDS[manifest.kind]!;
      assert.doesNotThrow(() => new model(manifest).validate(), manifest.kind);
    }
  });

  Deno.test(`rendered/${name}.yaml has every object in the namespace, and none twice`, () => {
    const ids = manifests.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
    assert.deepEqual(ids, [...new Set(ids)]);
    for (const manifest of manifests) {
      const { labels, namespace } = manifest.metadata;
      assert.equal(namespace, isOperators(manifest) ? "teleport" : "teleport-audit");
      assert.equal(labels["app.kubernetes.io/instance"], "audit");
    }
  });

  Deno.test(`rendered/${name}.yaml holds settings that the program takes, and that name mounted files`, async () => {
    const text = settingsOf(manifests);
    const files: ConfigFiles = {
      inspect: (path) => Promise.resolve(path.endsWith("/storage") ? "directory" : "file"),
      readText: () => Promise.resolve(text),
    };
    const { env = [], volumeMounts } = handlerOf(manifests).containers[0];
    // What the chart itself adds comes from other objects.
    const isReferred = ({ valueFrom }: { valueFrom?: unknown }) => valueFrom !== undefined;
    const values = env.filter(isReferred).map(({ name }: { name: string }) => [name, "given"]);
    const loaded = await loadConfig({
      args: ["--config", "handler.toml"],
      env: Object.fromEntries(values),
      files,
    });
    assert.ok(loaded.ok, JSON.stringify(loaded));
    assert.deepEqual(loaded.warnings, []);
    const { config } = loaded;
    for (
      const path of [config.teleportIdentity!, config.fluentdCa!, config.fluentdCert!]
    ) {
      const isMounted = volumeMounts.some(({ mountPath }: { mountPath: string }) =>
        path.startsWith(`${mountPath}/`)
      );
      assert.ok(isMounted, path);
    }
    const isServer = config.storage.startsWith("https:");
    const isStorage = ({ mountPath }: { mountPath: string }) => mountPath === config.storage;
    assert.equal(volumeMounts.some(isStorage), !isServer);
  });

  Deno.test(`rendered/${name}.yaml mounts whole folders, and volumes that are there`, () => {
    const { containers, volumes } = handlerOf(manifests);
    const names = volumes.map((volume: { name: string }) => volume.name);
    assert.deepEqual(names, [...new Set(names)]);
    for (const mount of containers[0].volumeMounts) {
      assert.equal(mount.subPath, undefined);
      assert.ok(names.includes(mount.name), mount.name);
    }
  });
}

Deno.test("What the chart renders has no field that Kubernetes does not know", async () => {
  await using folder = await temporaryFolder();
  const all = [...rendered.values()].flat().filter((manifest) => !isOperators(manifest));
  const kinds = [...new Set(all.map(({ kind }) => kind))];
  const imports = kinds.map((kind) =>
    `import type { I${kind} } from "${KINDS[kind]![1]}/${kind}";\n`
  );
  const values = all.map((manifest, i) =>
    `export const m${i}: I${manifest.kind} = ${JSON.stringify(manifest)};\n`
  );
  const path = folder.join("rendered.ts");
  await Deno.writeTextFile(path, [...imports, ...values].join(""));
  const config = fileURLToPath(new URL("../../deno.json", import.meta.url));
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["check", "--quiet", "--config", config, path],
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
});

Deno.test("The chart's pods are as strict as the restricted Pod Security Standard asks for", () => {
  const pods = [
    handlerOf(rendered.get("least")!),
    findManifest(rendered.get("everything")!, "Deployment", "-tbot").spec.template.spec,
  ];
  for (const { containers, securityContext, volumes } of pods) {
    assert.equal(securityContext.runAsNonRoot, true);
    assert.ok(securityContext.runAsUser > 0);
    assert.deepEqual(securityContext.seccompProfile, { type: "RuntimeDefault" });
    for (const container of containers) {
      assert.deepEqual(container.securityContext, {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      });
    }
    for (const { hostPath } of volumes) assert.equal(hostPath, undefined);
  }
});

Deno.test("The chart runs one handler, never two at a time, and keeps its volume", () => {
  const manifests = rendered.get("least")!;
  const { replicas, strategy } = findManifest(manifests, "Deployment").spec;
  assert.deepEqual([replicas, strategy], [1, { type: "Recreate" }]);
  const claim = findManifest(manifests, "PersistentVolumeClaim");
  assert.equal(claim.metadata.annotations!["helm.sh/resource-policy"], "keep");
});

Deno.test("Liveness and startup ask /livez, readiness asks /readyz, at the port of the diagnostics", () => {
  const [container] = handlerOf(rendered.get("least")!).containers;
  const paths = ["startupProbe", "livenessProbe", "readinessProbe"]
    .map((probe) => container[probe].httpGet);
  assert.deepEqual(paths, [
    { path: "/livez", port: "diagnostics" },
    { path: "/livez", port: "diagnostics" },
    { path: "/readyz", port: "diagnostics" },
  ]);
  const [port] = container.ports;
  assert.equal(port.name, "diagnostics");
  assert.match(
    settingsOf(rendered.get("least")!),
    new RegExp(`^diagnostics-addr = "0\\.0\\.0\\.0:${port.containerPort}"$`, "m"),
  );
  assert.equal(handlerOf(rendered.get("bare")!).containers[0].livenessProbe, undefined);
});

Deno.test("Service, monitor and network policy of the chart choose the handler's pod, and not tbot's", () => {
  const manifests = rendered.get("everything")!;
  const labels = findManifest(manifests, "Deployment", "-handler").spec.template.metadata.labels;
  const tbot = findManifest(manifests, "Deployment", "-tbot").spec.template.metadata.labels;
  const chooses = (selector: Record<string, string>, pod: Record<string, string>) =>
    Object.entries(selector).every(([name, value]) => pod[name] === value);
  const service = findManifest(manifests, "Service");
  const policy = findManifest(manifests, "NetworkPolicy").spec.podSelector.matchLabels;
  for (const selector of [service["spec"].selector, policy]) {
    assert.deepEqual([chooses(selector, labels), chooses(selector, tbot)], [true, false]);
  }
  const monitor = findManifest(manifests, "ServiceMonitor").spec;
  assert.ok(chooses(monitor.selector.matchLabels, service.metadata.labels));
  assert.equal(service.metadata.labels[monitor.jobLabel], "teleport-event-handler");
  assert.equal(monitor.endpoints[0].port, service["spec"].ports[0].name);
});

Deno.test("tbot writes the secret that the handler reads, and may touch no other one", () => {
  const manifests = rendered.get("everything")!;
  const { volumes } = handlerOf(manifests);
  const { secretName } = volumes.find(({ name }: { name: string }) => name === "teleport-identity")
    .secret;
  const settings = findManifest(manifests, "ConfigMap", "-tbot").data["tbot.yaml"];
  assert.ok(settings.includes(`name: "${secretName}"`), settings);
  const rules = findManifest(manifests, "Role").rules;
  assert.deepEqual(rules.map((rule: { verbs: string[] }) => rule.verbs), [
    ["create"],
    ["get", "update", "patch"],
  ]);
  assert.deepEqual(rules[1].resourceNames, [secretName]);
});

Deno.test("The operator's token lets in the service account that tbot runs as, for the bot with the role", () => {
  const manifests = rendered.get("everything")!;
  const role = findManifest(manifests, "TeleportRoleV8");
  assert.deepEqual(role["spec"].allow.rules, [
    { resources: ["event", "session"], verbs: ["list", "read"] },
    { resources: ["lock"], verbs: ["create", "update"] },
  ]);
  const bot = findManifest(manifests, "TeleportBotV1");
  assert.deepEqual(bot["spec"].roles, [role.metadata.name]);
  const token = findManifest(manifests, "TeleportProvisionToken");
  assert.equal(token["spec"].bot_name, bot.metadata.name);
  const { serviceAccountName } = findManifest(manifests, "Deployment", "-tbot").spec.template.spec;
  assert.deepEqual(token["spec"].kubernetes, {
    type: "static_jwks",
    static_jwks: { jwks: "{}" },
    allow: [{ service_account: `teleport-audit:${serviceAccountName}` }],
  });
});

function handlerOf(manifests: readonly Manifest[]) {
  const deployments = manifests.filter(({ kind, metadata }) =>
    kind === "Deployment" && !metadata.name.endsWith("-tbot")
  );
  return deployments[0]!["spec"].template.spec;
}
