import assert from "node:assert/strict";
import manifest from "../../deno.json" with { type: "json" };
import { parse } from "yaml";
import type { ConfigFiles } from "../../src/config/config_files.ts";
import { InvalidValue } from "../../src/config/invalid_value.ts";
import { loadConfig } from "../../src/config/load_config.ts";
import { parseServerUrl } from "../../src/config/url_text.ts";
import { HELM_SECRETS, renderHelmValues } from "../../src/setup/helm_values.ts";
import { setupOptions } from "../setup/setup_options.ts";
import { peerTest } from "../support/peer.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import {
  CHART,
  findManifest,
  parseManifests,
  readRendered,
  renderChart,
  runHelm,
  settingsOf,
  VALUES_NAMES,
  valuesPath,
} from "./rendered_chart.ts";

const NEEDS = { needs: ["HELM"] } as const;

const read = (path: string) => Deno.readTextFile(`${CHART}/${path}`);

Deno.test("The chart has the version of the program", async () => {
  const chart = parse(await read("Chart.yaml"));
  assert.deepEqual([chart.version, chart.appVersion], [manifest.version, manifest.version]);
});

for (
  const [copy, original] of [
    ["files/rules.yml", "deploy/prometheus/rules.yml"],
    ["files/dashboard.json", "deploy/grafana/dashboard.json"],
  ] as const
) {
  Deno.test(`charts/…/${copy} is a copy of ${original}`, async () => {
    assert.equal(await read(copy), await Deno.readTextFile(`${CHART}/../../${original}`));
  });
}

Deno.test("The chart knows every value of Teleport's own chart", async () => {
  const values = parse(await read("values.yaml"));
  const names = `teleport.address teleport.identitySecretName teleport.identitySecretPath
    eventHandler.storagePath eventHandler.timeout eventHandler.batch eventHandler.windowSize
    eventHandler.concurrency eventHandler.debug eventHandler.dryRun eventHandler.types
    eventHandler.skipEventTypes eventHandler.skipSessionTypes eventHandler.startTime
    eventHandler.lock.enabled eventHandler.lock.failedAttemptsCount eventHandler.lock.period
    eventHandler.lock.for fluentd.url fluentd.sessionUrl fluentd.maxConnections
    fluentd.certificate.secretName fluentd.certificate.caPath fluentd.certificate.certPath
    fluentd.certificate.keyPath tbot.enabled tbot.clusterName tbot.teleportProxyAddress
    tbot.teleportAuthAddress tbot.joinMethod tbot.token crd.create crd.namespace
    crd.tokenSpecOverride certManager.enabled certManager.dnsNames certManager.ipAddresses
    certManager.ttl certManager.renewBefore certManager.issuer.create certManager.issuer.name
    persistentVolumeClaim.enabled persistentVolumeClaim.size persistentVolumeClaim.storageClassName
    persistentVolumeClaim.existingClaim persistentVolumeClaim.volumeName tls.existingCASecretName
    image.repository image.pullPolicy image.tag imagePullSecrets nameOverride fullnameOverride
    podSecurityContext securityContext resources nodeSelector tolerations affinity volumes
    volumeMounts annotations.config annotations.deployment annotations.pod annotations.certSecret
    extraLabels.config extraLabels.deployment extraLabels.pod extraLabels.certSecret extraArgs
    extraEnv podAnnotations`.split(/\s+/);
  for (const name of names) {
    const value = name.split(".").reduce((at, key) => at?.[key], values);
    assert.notEqual(value, undefined, name);
  }
});

peerTest("helm lint has nothing to say", NEEDS, async () => {
  for (const name of VALUES_NAMES) {
    const { code, stdout } = await runHelm("lint", "--strict", CHART, "-f", valuesPath(name));
    assert.equal(code, 0, stdout);
    assert.doesNotMatch(stdout, /\[(WARNING|ERROR)\]/);
  }
});

for (const name of VALUES_NAMES) {
  peerTest(`Helm renders values/${name}.yaml as tests/deploy/rendered has it`, NEEDS, async () => {
    const { stderr, stdout } = await renderChart("--values", valuesPath(name));
    assert.equal(stderr, "");
    assert.equal(stdout, readRendered(name), "scripts/render-chart renders it anew");
  });
}

const SHARED = ["sharedStorage.url=https://kv:4512", "sharedStorage.tokenSecretName=token"];

/** Values that the chart cannot do with, and what Helm says then. */
const REFUSED: readonly (readonly [readonly string[], RegExp])[] = [
  [["teleport.address="], /teleport\.address is needed: host and port of Teleport/],
  [["teleport.address=teleport.example.com"], /teleport\.address: Does not match pattern/],
  [["teleport.identitySecretName="], /identitySecretName is needed.*or set tbot\.enabled/],
  [["fluentd.url="], /fluentd\.url is needed/],
  [["fluentd.sessionUrl="], /fluentd\.sessionUrl is needed/],
  [["fluentd.certificate.secretName="], /secretName is needed.*or set certManager\.enabled/],
  [["eventHandler.timout=5s"], /Additional property timout is not allowed/],
  [["eventhandler.timeout=5s"], /Additional property eventhandler is not allowed/],
  [["eventHandler.timeout=5 s"], /eventHandler\.timeout: Does not match pattern/],
  [["eventHandler.batch=-1"], /eventHandler\.batch: Must be greater than or equal to 0/],
  [["eventHandler.startTime=yesterday"], /eventHandler\.startTime: Does not match pattern/],
  [["diagnostics.port=80"], /diagnostics\.port: Must be greater than or equal to 1024/],
  [["serviceMonitor.enabled=true", "diagnostics.enabled=false"], /needs diagnostics\.enabled/],
  [["certManager.enabled=true"], /certManager\.dnsNames or certManager\.ipAddresses is needed/],
  [
    ["replicas=2"],
    /replicas: more than one handler cannot share a volume\. Set sharedStorage\.url/,
  ],
  [["sharedStorage.url=https://kv:4512"], /sharedStorage\.tokenSecretName is needed/],
  [["sharedStorage.url=https://user@kv:4512"], /sharedStorage\.url: Does not match pattern/],
  [["sharedStorage.url=https://kv:4512?x=1"], /sharedStorage\.url: Does not match pattern/],
  [["sharedStorage.url=https://kv:4512/path#f"], /sharedStorage\.url: Does not match pattern/],
  [
    ["sharedStorage.url=http://kv:4512", "sharedStorage.tokenSecretName=token"],
    /http:\/\/kv:4512 is http, .* Write https, or set sharedStorage\.allowHttp/,
  ],
  [
    [...SHARED, "replicas=3", "podDisruptionBudget.maxUnavailable=3"],
    /podDisruptionBudget\.maxUnavailable: 3 of 3 replicas would let all of them be away/,
  ],
  // A key twice is no TOML, a table beside its key neither, and of two spellings one has no effect.
  [
    ["eventHandler.settings.storage=/tmp/x"],
    /settings\.storage: the chart writes `storage` itself/,
  ],
  [
    [...SHARED, "eventHandler.settings.storage-token-file=/x"],
    /the chart writes `storage-token-file`/,
  ],
  [["eventHandler.settings.teleport=x"], /settings\.teleport: the chart writes `teleport` itself/],
  [["eventHandler.settings.forward=x"], /settings\.forward: the chart writes `forward` itself/],
  [["eventHandler.settings.teleport-addr=a:1"], /the chart writes `teleport-addr` itself/],
  [["eventHandler.settings.teleport-refresh-enabled=false"], /writes `teleport-refresh-enabled`/],
  [["eventHandler.settings.fluentd-cert=/x"], /the chart writes `fluentd-cert` itself/],
  [["eventHandler.batch=30", "eventHandler.settings.batch=40"], /the chart writes `batch` itself/],
  [["crd.create=true"], /crd\.create needs tbot\.enabled/],
  [["tbot.enabled=true"], /tbot\./],
  [
    [
      "tbot.enabled=true",
      "tbot.clusterName=c",
      "tbot.imageTag=1.0.0",
      "tbot.teleportProxyAddress=a:1",
      "tbot.teleportAuthAddress=b:1",
    ],
    /exclude each other/,
  ],
];

for (const [settings, said] of REFUSED) {
  peerTest(`The chart refuses ${settings.join(", ")} and says why`, NEEDS, async () => {
    const sets = settings.flatMap((setting) => ["--set", setting]);
    const { code, stderr } = await renderChart("--values", valuesPath("least"), ...sets);
    assert.notEqual(code, 0);
    assert.match(stderr, said);
  });
}

/** Values that come close to those, and the line of the settings that they make. */
const TAKEN: readonly (readonly [readonly string[], string])[] = [
  [
    [...SHARED, "replicas=3", "podDisruptionBudget.maxUnavailable=2"],
    'storage = "https://kv:4512"',
  ],
  [
    [
      "sharedStorage.url=http://kv:4512/path",
      "sharedStorage.tokenSecretName=token",
      "sharedStorage.allowHttp=true",
    ],
    "storage-allow-http = true",
  ],
  [["podDisruptionBudget.maxUnavailable=3"], "concurrency = 5"],
  [["eventHandler.settings.batch=40"], "batch = 40"],
  [["eventHandler.settings.teleport-refresh-interval=1m"], 'teleport-refresh-interval = "1m"'],
  [["eventHandler.settings.skip-session-types={print}"], 'skip-session-types = ["print"]'],
];

for (const [settings, line] of TAKEN) {
  peerTest(`The chart takes ${settings.join(", ")}, and so does the program`, NEEDS, async () => {
    const sets = settings.flatMap((setting) => ["--set", setting]);
    const { stderr, stdout } = await renderChart("--values", valuesPath("least"), ...sets);
    assert.equal(stderr, "");
    const text = settingsOf(parseManifests(stdout));
    assert.ok(text.split("\n").includes(line), text);
    const files: ConfigFiles = {
      inspect: (path) => Promise.resolve(path.endsWith("/storage") ? "directory" : "file"),
      readText: () => Promise.resolve(text),
    };
    const loaded = await loadConfig({ args: ["--config", "handler.toml"], env: {}, files });
    assert.ok(loaded.ok, JSON.stringify(loaded));
  });
}

for (
  const [url, isTaken] of [
    ["https://kv:4512", true],
    ["https://kv.example.com/some/path/", true],
    ["https://[2001:db8::1]:4512", true],
    ["https://user@kv", false],
    ["https://kv/a@b", false],
    ["https://kv?x=1", false],
    ["https://kv/path?x=1", false],
    ["https://kv#f", false],
    ["https://kv/path#f", false],
    ["https://kv/a\\b", false],
    ["https://k\\v", false],
    ["https://kv /", false],
    ["ftp://kv", false],
    ["/var/lib/storage", false],
  ] as const
) {
  Deno.test(`sharedStorage.url ${isTaken ? "takes" : "refuses"} '${url}', as storage does`, async () => {
    const schema = JSON.parse(await read("values.schema.json"));
    const { pattern } = schema.properties.sharedStorage.properties.url;
    const parse = () => parseServerUrl(url);
    if (isTaken) assert.doesNotThrow(parse);
    else assert.throws(parse, InvalidValue);
    assert.equal(new RegExp(pattern, "u").test(url), isTaken);
  });
}

peerTest(
  "The chart takes the values that configure writes for Teleport's own chart",
  NEEDS,
  async () => {
    await using folder = await temporaryFolder();
    const path = folder.join("values.yaml");
    await Deno.writeTextFile(path, renderHelmValues(setupOptions("certs", { autoLock: true })));
    const { stderr, stdout } = await renderChart("--values", path);
    assert.equal(stderr, "");
    const manifests = parseManifests(stdout);
    const { volumes } = findManifest(manifests, "Deployment").spec.template.spec;
    assert.deepEqual(
      volumes.flatMap(({ secret }: { secret?: { secretName: string } }) =>
        secret?.secretName ?? []
      ),
      [HELM_SECRETS.identity, HELM_SECRETS.client],
    );
    assert.match(settingsOf(manifests), /\[lock\]\nenabled = true/);
    assert.match(settingsOf(manifests), /\/fluentd\/client\.crt"/);
  },
);

Deno.test("Replicas share a store and no volume, roll one by one, and stand on nodes of their own", () => {
  const manifests = parseManifests(readRendered("replicas"));
  const { replicas, strategy, template } = findManifest(manifests, "Deployment").spec;
  assert.deepEqual([replicas, strategy.type], [3, "RollingUpdate"]);
  assert.ok(manifests.every(({ kind }) => kind !== "PersistentVolumeClaim"));
  const [{ env, volumeMounts }] = template.spec.containers;
  assert.deepEqual(env.map(({ name }: { name: string }) => name), ["FDFWD_REPLICA_NAME"]);
  assert.ok(volumeMounts.every(({ name }: { name: string }) => name !== "storage"));
  // As files, so that what is renewed is taken without a restart.
  const mounts = volumeMounts.map(({ mountPath }: { mountPath: string }) => mountPath);
  for (const [setting, secret] of [["storage-token-file", "denokv"], ["storage-ca", "denokv-ca"]]) {
    const path = new RegExp(`^${setting} = "(.+)/[^/"]+"$`, "m").exec(settingsOf(manifests))?.[1];
    const { name } = volumeMounts[mounts.indexOf(path)];
    assert.equal(
      template.spec.volumes.find((volume: { name: string }) => volume.name === name).secret
        .secretName,
      secret,
    );
  }
  assert.ok(template.spec.affinity.podAntiAffinity !== undefined);
  const { maxUnavailable, selector } = findManifest(manifests, "PodDisruptionBudget").spec;
  assert.equal(maxUnavailable, 1);
  assert.deepEqual(selector, findManifest(manifests, "Deployment").spec.selector);
  assert.match(settingsOf(manifests), /^storage = "https:\/\/denokv\.teleport-audit\.svc:4512"$/m);
});

peerTest("The chart brings Grafana's dashboard whole", NEEDS, async () => {
  const { stdout } = await renderChart(
    "--values",
    valuesPath("least"),
    "--set",
    "grafanaDashboard.enabled=true",
  );
  const { data, metadata } = findManifest(parseManifests(stdout), "ConfigMap", "-dashboard");
  assert.deepEqual(
    JSON.parse(data["teleport-event-handler.json"]),
    JSON.parse(await read("files/dashboard.json")),
  );
  assert.equal(metadata.labels["grafana_dashboard"], "1");
});

peerTest(
  "A volume of the values that is mounted at the storage path takes the place of the claim",
  NEEDS,
  async () => {
    await using folder = await temporaryFolder();
    const path = folder.join("values.json");
    await Deno.writeTextFile(
      path,
      JSON.stringify({
        volumes: [{ name: "mine", persistentVolumeClaim: { claimName: "mine" } }],
        volumeMounts: [{
          name: "mine",
          mountPath: "/var/lib/teleport/plugins/event-handler/storage",
        }],
      }),
    );
    const { stdout } = await renderChart("--values", valuesPath("least"), "--values", path);
    const manifests = parseManifests(stdout);
    assert.ok(manifests.every(({ kind }) => kind !== "PersistentVolumeClaim"));
    const { containers, volumes } = findManifest(manifests, "Deployment").spec.template.spec;
    const names = (list: readonly { name: string }[]) => list.map(({ name }) => name);
    assert.deepEqual(names(volumes), [
      "settings",
      "teleport-identity",
      "fluentd-certificate",
      "mine",
    ]);
    assert.deepEqual(names(containers[0].volumeMounts), names(volumes));
  },
);

peerTest("Names of a long release stay whole and within 63 characters", NEEDS, async () => {
  const { stdout } = await runHelm(
    "template",
    "a".repeat(53),
    CHART,
    "-f",
    valuesPath("everything"),
  );
  const names = parseManifests(stdout).map(({ kind, metadata }) => `${kind} ${metadata.name}`);
  assert.deepEqual(names, [...new Set(names)]);
  for (const name of names) assert.match(name, /^\w+ [a-z0-9][a-z0-9-]{0,61}[a-z0-9]$/);
});

for (
  const [name, has, hasNot] of [
    ["least", ["every pod of the cluster reaches them", "port-forward"], ["WARNING"]],
    ["bare", ["WARNING: there is no volume"], ["port-forward"]],
  ] as const
) {
  peerTest(
    `What the chart says after an installation fits values/${name}.yaml`,
    NEEDS,
    async () => {
      const notes = await renderNotes(name);
      for (const words of has) assert.ok(notes.includes(words), notes);
      for (const words of hasNot) assert.ok(!notes.includes(words), notes);
    },
  );
}

/** Helm prints the notes to none but a cluster, so they are rendered as part of an object. */
async function renderNotes(name: string): Promise<string> {
  await using folder = await temporaryFolder();
  const { code } = await new Deno.Command("cp", { args: ["-R", CHART, folder.path] }).output();
  assert.equal(code, 0);
  const chart = folder.join("teleport-event-handler");
  const notes = (await read("templates/NOTES.txt")).replace(/^{{-/, "{{");
  await Deno.writeTextFile(
    `${chart}/templates/notes.yaml`,
    `kind: Notes\nmetadata: { name: notes }\nnotes: |\n${notes.replaceAll(/^/gm, "  ")}`,
  );
  const { stderr, stdout } = await runHelm("template", "audit", chart, "-f", valuesPath(name));
  assert.equal(stderr, "");
  return findManifest(parseManifests(stdout), "Notes")["notes"];
}
