import { formatMember } from "./member_expression.ts";

const REPORTED: Readonly<Record<string, string>> = {
  "Deno.chdir": "give the process that you start a cwd",
  "Deno.env.set": "give the process that you start its env",
  "Deno.env.delete": "give the process that you start its env",
};

/** Test files run side by side in one process, so none of them changes what the others see. */
export const sharedProcess: Deno.lint.Rule = {
  create(context) {
    if (!context.filename.endsWith("_test.ts")) return {};
    return {
      MemberExpression(node) {
        const name = node.object.type === "MemberExpression" && node.property.type === "Identifier"
          ? `${formatMember(node.object)}.${node.property.name}`
          : formatMember(node) ?? "";
        const remedy = REPORTED[name];
        if (remedy === undefined) return;
        context.report({ node, message: `${name} in a test, beside which others run: ${remedy}` });
      },
    };
  },
};
