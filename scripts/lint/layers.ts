import { areaOf, findPlace } from "./place.ts";

/** Rank of each folder of src/: imports point from a higher to a lower one (ARCHITECTURE.md). */
const RANKS: { readonly [folder: string]: number } = {
  cli: 3,
  teleport: 2,
  fluentd: 2,
  state: 2,
  config: 2,
  log: 2,
  diagnostics: 2,
  setup: 2,
  pipeline: 1,
  tls: 1,
  core: 0,
};
const MAIN_RANK = 4;

/** Imports point down the layers only, and src/core knows neither packages nor the runtime. */
export const layers: Deno.lint.Rule = {
  create(context) {
    const place = findPlace(context.filename);
    if (place?.area !== "src" && place?.area !== "main") return {};
    const from = place.path;

    function check(node: Deno.lint.Node | null) {
      if (node?.type !== "Literal" || typeof node.value !== "string") return;
      const message = isRelative(node.value)
        ? judgeImport(from, resolvePath(from, node.value))
        : judgePackage(from, node.value);
      if (message !== undefined) context.report({ node, message });
    }

    return {
      Program(node) {
        if (from !== "main.ts" && rankOf(from) === undefined) {
          context.report({
            range: [node.range[0], node.range[0]],
            message: `${from} is in no layer: move it to a folder of src/ that has a rank in ` +
              "scripts/lint/layers.ts, or give its folder one",
          });
        }
      },
      ImportDeclaration: (node) => check(node.source),
      ExportNamedDeclaration: (node) => check(node.source),
      ExportAllDeclaration: (node) => check(node.source),
      ImportExpression: (node) => check(node.source),
      TSImportType(node) {
        check(node.argument.type === "TSLiteralType" ? node.argument.literal : node.argument);
      },
      Identifier(node) {
        if (node.name === "Deno" && folderOf(from) === "core") {
          context.report({
            node,
            message:
              "src/core does not know Deno: take what is needed as a parameter or an interface",
          });
        }
      },
    };
  },
};

function judgeImport(from: string, to: string): string | undefined {
  const area = areaOf(to);
  if (area === "tests" || area === "scripts") {
    return `The program does not import from ${area}/: move what both need into src/`;
  }
  const fromFolder = folderOf(from);
  const toFolder = folderOf(to);
  if (area === "elsewhere") {
    return fromFolder === "core"
      ? "src/core imports from src/core only: take what is needed as a parameter or an interface"
      : undefined;
  }
  const fromRank = rankOf(from);
  const toRank = rankOf(to);
  if (fromRank === undefined || (area === "src" && fromFolder === toFolder)) return undefined;
  if (toRank === undefined) return `${to} is in no layer: import from a folder that has a rank`;
  if (toRank < fromRank) return undefined;
  return `${nameOf(from)} (rank ${fromRank}) may not import from ${nameOf(to)} (rank ${toRank}): ` +
    "imports point down only; declare an interface in a lower layer, and let src/cli join the two";
}

function judgePackage(from: string, specifier: string): string | undefined {
  if (folderOf(from) !== "core") return undefined;
  return `src/core imports no packages and no runtime modules, but '${specifier}' is one: move the ` +
    "code to the layer that needs it, or take what is needed as a parameter";
}

function isRelative(specifier: string): boolean {
  return specifier.startsWith("./") || specifier.startsWith("../");
}

function resolvePath(from: string, specifier: string): string {
  return new URL(specifier, `file:///${from}`).pathname.slice(1);
}

/** The folder right below src/: `core` for src/core/event.ts. */
function folderOf(path: string): string | undefined {
  const parts = path.split("/");
  return parts[0] === "src" && parts.length > 2 ? parts[1] : undefined;
}

function rankOf(path: string): number | undefined {
  return path === "main.ts" ? MAIN_RANK : RANKS[folderOf(path) ?? ""];
}

function nameOf(path: string): string {
  const folder = folderOf(path);
  return folder === undefined ? path : `src/${folder}`;
}
