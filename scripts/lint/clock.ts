import { formatMember } from "./member_expression.ts";
import { findPlace } from "./place.ts";

const MEMBERS: ReadonlySet<string | undefined> = new Set([
  "Date.now",
  "performance.now",
  "globalThis.setTimeout",
  "globalThis.setInterval",
]);
const TIMERS: ReadonlySet<string> = new Set(["setTimeout", "setInterval"]);

/** Time comes from the Clock that is handed in, so that tests need not wait for it. */
export const clock: Deno.lint.Rule = {
  create(context) {
    const place = findPlace(context.filename);
    if (place?.area !== "src" || place.path === "src/core/clock.ts") return {};

    function report(node: Deno.lint.Node, what: string) {
      context.report({
        node,
        message: `${what} outside src/core/clock.ts: take a Clock, and use its nowMs(), ` +
          "monotonicMs() or sleep()",
      });
    }

    return {
      MemberExpression(node) {
        const name = formatMember(node);
        if (name !== undefined && MEMBERS.has(name)) report(node, name);
      },
      NewExpression(node) {
        if (isDate(node.callee) && node.arguments.length === 0) report(node, "new Date()");
      },
      CallExpression(node) {
        if (isDate(node.callee)) report(node, "Date()");
        if (node.callee.type === "Identifier" && TIMERS.has(node.callee.name)) {
          report(node, `${node.callee.name}()`);
        }
      },
      ImportDeclaration(node) {
        if (/^node:timers(\/|$)/.test(node.source.value)) report(node, node.source.value);
      },
    };
  },
};

function isDate(callee: Deno.lint.Expression): boolean {
  return callee.type === "Identifier" && callee.name === "Date";
}
