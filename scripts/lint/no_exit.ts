import { formatMember } from "./member_expression.ts";
import { findPlace } from "./place.ts";

/** Only main.ts ends the process, so that everything else can drain and be tested. */
export const noExit: Deno.lint.Rule = {
  create(context) {
    if (findPlace(context.filename)?.area !== "src") return {};

    function report(node: Deno.lint.Node, name: string) {
      context.report({
        node,
        message: `${name} outside main.ts: throw a Fault, or return the exit code to the caller`,
      });
    }

    return {
      MemberExpression(node) {
        const name = formatMember(node);
        if (name === "Deno.exit" || name === "process.exit") report(node, name);
      },
      'ImportDeclaration[source.value="node:process"] > ImportSpecifier[imported.name="exit"]'(
        node: Deno.lint.ImportSpecifier,
      ) {
        report(node, "process.exit");
      },
    };
  },
};
