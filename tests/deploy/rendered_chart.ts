/** What the Helm chart becomes: files of `rendered/`, or what Helm makes of values now. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";
import { peerPath } from "../support/peer.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

/** Folder of the chart. */
export const CHART = fileURLToPath(new URL("../../charts/teleport-event-handler", import.meta.url));

const RENDERED = new URL("rendered/", import.meta.url);

/** One object of Kubernetes. Tests look into it where they know what is there. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  // deno-lint-ignore no-explicit-any -- every kind has its own
  readonly [part: string]: any;
}

/** Names of the values files, each with a rendered one. */
export const VALUES_NAMES: readonly string[] = [...Deno.readDirSync(RENDERED)]
  .map(({ name }) => name.replace(".yaml", "")).sort();

/** Path of a values file. */
export function valuesPath(name: string): string {
  return fileURLToPath(new URL(`values/${name}.yaml`, import.meta.url));
}

/** Reads what the chart was rendered to when somebody looked at it. */
export function readRendered(name: string): string {
  return Deno.readTextFileSync(new URL(`${name}.yaml`, RENDERED));
}

/** Parses all documents of a text; a key that stands twice is an error. */
export function parseManifests(text: string): readonly Manifest[] {
  return parseAllDocuments(text, { uniqueKeys: true }).flatMap((document) => {
    assert.deepEqual(document.errors, []);
    assert.deepEqual(document.warnings, []);
    const manifest = document.toJS();
    return manifest === null ? [] : [manifest];
  });
}

/** The one object of a kind, and of a name that ends so. */
export function findManifest(
  manifests: readonly Manifest[],
  kind: string,
  ending = "",
): Manifest {
  const found = manifests.filter((manifest) =>
    manifest.kind === kind && manifest.metadata.name.endsWith(ending)
  );
  assert.equal(found.length, 1, `${found.length} of kind ${kind}`);
  return found[0]!;
}

/** What Helm said. */
export interface HelmResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs Helm, with a home of its own. */
export async function runHelm(...args: readonly string[]): Promise<HelmResult> {
  await using home = await temporaryFolder();
  const { code, stderr, stdout } = await new Deno.Command(peerPath("HELM"), {
    args: [...args],
    env: { HOME: home.path, HELM_CACHE_HOME: home.path, HELM_CONFIG_HOME: home.path },
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Renders the chart as scripts/render-chart does. */
export function renderChart(...args: readonly string[]): Promise<HelmResult> {
  return runHelm("template", "audit", CHART, "--namespace", "teleport-audit", ...args);
}

/** The settings file that the handler's ConfigMap holds. */
export function settingsOf(manifests: readonly Manifest[]): string {
  const maps = manifests.filter(({ data, kind }) =>
    kind === "ConfigMap" && data["teleport-event-handler.toml"] !== undefined
  );
  assert.equal(maps.length, 1);
  return maps[0]!["data"]["teleport-event-handler.toml"];
}
