/** What a test needs that is not part of the project: the environment variable that names it. */
export type PeerVariable =
  | "AUTHPEER"
  | "CHROMIUM"
  | "DENOKV"
  | "DENORT_BIN"
  | "FLUENTD_OLDEST"
  | "FLUENTD_NEWEST"
  | "HELM"
  | "PROMTOOL";

/** Options of `peerTest`. */
export interface PeerTestOptions {
  /** Variables that must be set for the test to run. */
  readonly needs: readonly PeerVariable[];
  /** Passed on to `Deno.test`. */
  readonly sanitizeOps?: boolean;
  /** Passed on to `Deno.test`. */
  readonly sanitizeResources?: boolean;
}

/**
 * Registers a test that talks to a real peer. Where a peer is missing the test shows as ignored,
 * with the name of what is missing; with `CI=true` it fails instead, so that it cannot be forgotten.
 */
export function peerTest(
  name: string,
  options: PeerTestOptions,
  fn: (context: Deno.TestContext) => void | Promise<void>,
): void {
  const { needs, ...rest } = options;
  const missing = needs.filter((variable) => !Deno.env.get(variable));
  if (missing.length === 0) return Deno.test({ name, fn, ...rest });
  const reason = `${missing.join(" and ")} not set`;
  if (Deno.env.get("CI") === "true") {
    return Deno.test({
      name,
      fn() {
        throw new Error(`Cannot run without its peers: ${reason}; scripts/setup-peers gives them`);
      },
    });
  }
  Deno.test({ name: `${name} [${reason}]`, ignore: true, fn });
}

/** Path of the executable that a variable names. */
export function peerPath(variable: PeerVariable): string {
  const path = Deno.env.get(variable);
  if (!path) throw new Error(`Cannot find the peer: ${variable} is not set`);
  return path;
}
