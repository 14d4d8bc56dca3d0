/** What is known of how the program was built. */
export interface BuildInfo {
  /** Git reference that it was built from, such as `v1.2.3` or a commit. */
  readonly gitRef?: string;
  /** When it was built: the time of the commit, in RFC 3339. */
  readonly builtAt?: string;
}

/**
 * Written by whatever makes an executable, beside this file and into it (`deno compile --include`);
 * from source there is none.
 */
const RECORD = new URL("./build_record.json", import.meta.url);
/** A reference goes into a line of text: no blanks, and not without end. */
const GIT_REF = /^[\w./@+-]{1,100}$/;

/** Reads the build record that was put into the executable; nothing where there is none. */
export function readBuildInfo(): BuildInfo {
  try {
    return parseBuildInfo(Deno.readTextFileSync(RECORD));
  } catch {
    return {};
  }
}

/** Parses a build record; what is not as it should be is left out. */
export function parseBuildInfo(text: string): BuildInfo {
  const record: unknown = JSON.parse(text);
  if (typeof record !== "object" || record === null) return {};
  const { builtAt, gitRef } = record as { readonly [key: string]: unknown };
  return {
    ...(typeof gitRef === "string" && GIT_REF.test(gitRef) ? { gitRef } : {}),
    ...(typeof builtAt === "string" && !isNaN(Date.parse(builtAt)) ? { builtAt } : {}),
  };
}
