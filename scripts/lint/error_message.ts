import { findPlace } from "./place.ts";

/** Which argument is the message: other classes of errors are asked what their first one looks like. */
const MESSAGE_INDEX: { readonly [callee: string]: number } = {
  Fault: 1,
  Error: 0,
  EvalError: 0,
  RangeError: 0,
  ReferenceError: 0,
  SyntaxError: 0,
  TypeError: 0,
  URIError: 0,
  AggregateError: 1,
  SuppressedError: 2,
};

/** How a text begins and ends, as far as it can be read in the source; undefined where it cannot. */
interface Ends {
  readonly first: string | undefined;
  readonly last: string | undefined;
}

/**
 * Messages of errors are sentences without a period: others add their hint or cause to them. Tests
 * may say what they like, as the errors that they make up are often those of others.
 */
export const errorMessage: Deno.lint.Rule = {
  create(context) {
    const area = findPlace(context.filename)?.area;
    if (area === undefined || area === "tests") return {};
    return {
      NewExpression(node) {
        if (node.callee.type !== "Identifier" || !/(^Fault|Error)$/.test(node.callee.name)) return;
        const index = MESSAGE_INDEX[node.callee.name] ?? (startsWithKind(node) ? 1 : 0);
        const argument = node.arguments[index];
        if (argument === undefined) return;
        const { first, last } = endsOf(argument);
        if (first !== undefined && !/^\p{Lu}/u.test(first)) {
          context.report({
            node: argument,
            message: "The message of an error starts with an upper-case letter: " +
              "say what could not be done, such as 'Cannot read …'",
          });
        }
        if (last?.endsWith(".")) {
          context.report({
            node: argument,
            message: "The message of an error does not end with a period: remove it",
          });
        }
      },
    };
  },
};

/** Whether the arguments are a kind and a message, as those of Fault are. */
function startsWithKind({ arguments: [first, second] }: Deno.lint.NewExpression): boolean {
  return second !== undefined && first?.type === "Literal" &&
    typeof first.value === "string" && /^[a-z]+(-[a-z]+)*$/.test(first.value);
}

function endsOf(node: Deno.lint.Node): Ends {
  if (node.type === "Literal" && typeof node.value === "string") {
    return { first: node.value, last: node.value };
  }
  if (node.type === "TemplateLiteral") {
    const first = node.quasis.at(0)?.cooked;
    // A template that starts or ends with an expression has an empty text there.
    return { first: first === "" ? undefined : first, last: node.quasis.at(-1)?.cooked };
  }
  if (node.type === "BinaryExpression" && node.operator === "+") {
    return { first: endsOf(node.left).first, last: endsOf(node.right).last };
  }
  return { first: undefined, last: undefined };
}
