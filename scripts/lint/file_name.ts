import { findPlace } from "./place.ts";

const SNAKE_CASE = /^[a-z0-9]+(_[a-z0-9]+)*(\.d)?\.tsx?$/;
const SAYS_NOTHING = /^((.*_)?(utils?|helpers?|common|misc)|types|index|mod)(_test)?\./;

/** A file is named after its one main export. */
export const fileName: Deno.lint.Rule = {
  create(context) {
    const place = findPlace(context.filename);
    if (place === undefined) return {};
    const name = place.path.slice(place.path.lastIndexOf("/") + 1);
    return {
      Program(node) {
        const range: Deno.lint.Range = [node.range[0], node.range[0]];
        if (!SNAKE_CASE.test(name)) {
          context.report({ range, message: `'${name}' is not snake_case: rename the file` });
        }
        if (SAYS_NOTHING.test(name)) {
          context.report({
            range,
            message:
              `'${name}' says nothing about what is in it: name the file after its main export`,
          });
        }
      },
    };
  },
};
