import { findPlace } from "./place.ts";

const MAX_LINES = 400;

/** A file that needs more lines than this holds more than one thing. */
export const fileLength: Deno.lint.Rule = {
  create(context) {
    if (findPlace(context.filename) === undefined) return {};
    return {
      Program() {
        const lines = context.sourceCode.text.replace(/\n$/, "").split("\n");
        if (lines.length <= MAX_LINES) return;
        const start = lines.slice(0, MAX_LINES).join("\n").length + 1;
        context.report({
          range: [start, start],
          message: `${lines.length} lines, and at most ${MAX_LINES} are allowed: ` +
            "move one concern to a file of its own",
        });
      },
    };
  },
};
