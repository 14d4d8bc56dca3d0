import { findPlace } from "./place.ts";

const MAX_PARAMETERS = 3;

/** Calls of exported functions can be read without looking at their declaration. */
export const positionalArguments: Deno.lint.Rule = {
  create(context) {
    if (findPlace(context.filename) === undefined) return {};

    function check(node: Deno.lint.Node | null | undefined) {
      if (
        node?.type !== "FunctionDeclaration" && node?.type !== "TSDeclareFunction" &&
        node?.type !== "ArrowFunctionExpression" && node?.type !== "FunctionExpression"
      ) return;
      const extra = node.params.filter(isNotThis)[MAX_PARAMETERS];
      if (extra === undefined) return;
      context.report({
        range: extra.range,
        message: `An exported function takes at most ${MAX_PARAMETERS} positional parameters: ` +
          "move this one and those after it to an options object",
      });
    }

    return {
      Program(program) {
        for (const node of findExports(program)) check(node);
      },
    };
  },
};

function isNotThis(parameter: Deno.lint.Parameter): boolean {
  return parameter.type !== "Identifier" || parameter.name !== "this";
}

/** What a module exports: declarations, values of constants, and what `export { name }` names. */
function* findExports(program: Deno.lint.Program): Iterable<Deno.lint.Node | null> {
  const names = new Set<string>();
  for (const statement of program.body) {
    if (statement.type !== "ExportNamedDeclaration" || statement.source !== null) continue;
    for (const { local } of statement.specifiers) {
      if (local.type === "Identifier") names.add(local.name);
    }
  }
  for (const statement of program.body) {
    const exported = statement.type === "ExportNamedDeclaration" ||
      statement.type === "ExportDefaultDeclaration";
    const declaration = exported ? statement.declaration : statement;
    if (declaration?.type === "VariableDeclaration") {
      for (const { id, init } of declaration.declarations) {
        if (exported || (id.type === "Identifier" && names.has(id.name))) yield init;
      }
    } else if (exported || (isFunction(declaration) && names.has(declaration.id?.name ?? ""))) {
      yield declaration;
    }
  }
}

function isFunction(
  node: Deno.lint.Node | null,
): node is Deno.lint.FunctionDeclaration | Deno.lint.TSDeclareFunction {
  return node?.type === "FunctionDeclaration" || node?.type === "TSDeclareFunction";
}
