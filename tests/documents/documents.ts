/** Reads the project's documents: what is code in them, what they link to. */
import { fileURLToPath } from "node:url";

/** Root of the project. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** A fenced block of code. */
export interface Fence {
  /** What stands behind the opening fence, such as `sh run`. */
  readonly info: string;
  readonly text: string;
}

/** One Markdown file. */
export interface Document {
  /** Path from the root. */
  readonly path: string;
  readonly text: string;
  readonly fences: readonly Fence[];
  /** Code within sentences and tables. */
  readonly spans: readonly string[];
  /** Targets of links, as they are written. */
  readonly links: readonly string[];
}

const FOLDERS = ["", "docs", "docs/decisions", "proto"];

/** Reads every document, in the order of their paths. */
export async function readDocuments(): Promise<Document[]> {
  const documents: Document[] = [];
  for (const folder of FOLDERS) {
    for await (const { isFile, name } of Deno.readDir(`${ROOT}${folder}`)) {
      if (!isFile || !name.endsWith(".md")) continue;
      const path = folder === "" ? name : `${folder}/${name}`;
      documents.push(parseDocument(path, await Deno.readTextFile(`${ROOT}${path}`)));
    }
  }
  return documents.sort((a, b) => a.path < b.path ? -1 : 1);
}

/** Splits a Markdown text. */
export function parseDocument(path: string, text: string): Document {
  const fences: Fence[] = [];
  const prose = text.replaceAll(
    /^```([^\n]*)\n(.*?)^```$/gms,
    (_, info: string, body: string) => {
      fences.push({ info, text: body });
      return "";
    },
  );
  const spans = [...prose.matchAll(/(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)/gs)]
    .map((match) => match[2]!.replaceAll(/\s+/g, " ").trim());
  const links = [
    ...[...prose.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!),
    ...[...prose.matchAll(/^\[[^\]]+\]: (\S+)$/gm)].map((match) => match[1]!),
  ];
  return { path, text, fences, spans, links };
}

/** The name by which a link reaches a heading: as GitHub makes it. */
export function anchorOf(heading: string): string {
  return heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-");
}

/** Every file of the given folders, by its path from the root. */
export async function listFiles(folders: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const folder of folders) {
    for await (const entry of Deno.readDir(`${ROOT}${folder}`)) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory) files.push(...await listFiles([path]));
      else files.push(path);
    }
  }
  return files;
}
