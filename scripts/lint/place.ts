const ROOT = decodeURIComponent(new URL("../../", import.meta.url).pathname);

/** The part of the project that a file belongs to; rules differ by it. */
export type Area = "main" | "src" | "tests" | "scripts" | "elsewhere";

/** Where a linted file lies in the project. */
export interface Place {
  /** Path from the project's root, with forward slashes. */
  readonly path: string;
  readonly area: Area;
}

/**
 * Finds the place of a file, given its absolute name. Undefined for files that no rule applies to:
 * generated code, and files outside the project.
 */
export function findPlace(filename: string): Place | undefined {
  const slashed = filename.replaceAll("\\", "/");
  // A file name of Windows starts with its drive, the path of a file URL with a slash before it.
  const absolute = slashed.startsWith("/") ? slashed : `/${slashed}`;
  if (!absolute.startsWith(ROOT)) return undefined;
  const path = absolute.slice(ROOT.length);
  return path.startsWith("src/teleport/gen/") ? undefined : { path, area: areaOf(path) };
}

/** Names the area of a path from the project's root. */
export function areaOf(path: string): Area {
  if (path === "main.ts") return "main";
  const top = path.slice(0, path.indexOf("/"));
  return top === "src" || top === "tests" || top === "scripts" ? top : "elsewhere";
}
