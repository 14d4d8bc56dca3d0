import { findPlace } from "./place.ts";

/**
 * Functions of a module are declared with `function`. A constant with a type annotation may hold an
 * arrow function: there it implements a type.
 */
export const topLevelFunction: Deno.lint.Rule = {
  create(context) {
    const area = findPlace(context.filename)?.area;
    if (area !== "src" && area !== "main") return {};

    function check(declaration: Deno.lint.Node | null) {
      if (declaration?.type !== "VariableDeclaration") return;
      for (const { id, init } of declaration.declarations) {
        if (init?.type !== "ArrowFunctionExpression" && init?.type !== "FunctionExpression") {
          continue;
        }
        if (id.type !== "Identifier" || id.typeAnnotation !== undefined) continue;
        context.report({
          node: id,
          message:
            `'${id.name}' is a function in a constant: declare 'function ${id.name}()', or ` +
            "annotate the constant with the function type that it implements",
        });
      }
    }

    return {
      Program(program) {
        for (const statement of program.body) {
          check(statement.type === "ExportNamedDeclaration" ? statement.declaration : statement);
        }
      },
    };
  },
};
