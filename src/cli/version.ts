import manifest from "../../deno.json" with { type: "json" };

/** Version of the program. */
export const VERSION: string = manifest.version;

/** What `version` prints, in the form of the Go handler. */
export function formatVersion(): string {
  return `Teleport event handler v${VERSION} deno${Deno.version.deno}`;
}
