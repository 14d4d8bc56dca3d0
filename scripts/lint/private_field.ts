import { findPlace } from "./place.ts";

type Member =
  | Deno.lint.PropertyDefinition
  | Deno.lint.AccessorProperty
  | Deno.lint.MethodDefinition
  | Deno.lint.TSAbstractPropertyDefinition
  | Deno.lint.TSAbstractMethodDefinition;

/** Private members are private when the program runs too. */
export const privateField: Deno.lint.Rule = {
  create(context) {
    if (findPlace(context.filename) === undefined) return {};

    function check(node: Member) {
      const { accessibility } = node;
      if (accessibility !== "private" && accessibility !== "protected") return;
      // Constructors have no other way to be private.
      if (node.type === "MethodDefinition" && node.kind === "constructor") return;
      context.report({ range: node.range, message: `'${accessibility}' member: make it #private` });
    }

    function checkParameter({ range }: Deno.lint.TSParameterProperty) {
      // Read from the source, because Deno 2.7 leaves `accessibility` undefined here.
      const keyword = /^(private|protected)\b/.exec(context.sourceCode.text.slice(...range))?.[0];
      if (keyword === undefined) return;
      context.report({
        range,
        message: `'${keyword}' constructor parameter: declare a #private field and assign it`,
      });
    }

    return {
      PropertyDefinition: check,
      AccessorProperty: check,
      MethodDefinition: check,
      TSAbstractPropertyDefinition: check,
      TSAbstractMethodDefinition: check,
      TSParameterProperty: checkParameter,
    };
  },
};
