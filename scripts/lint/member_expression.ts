/** Writes `object.property` for a member of a plain name, `Deno["exit"]` included, else undefined. */
export function formatMember(node: Deno.lint.MemberExpression): string | undefined {
  if (node.object.type !== "Identifier") return undefined;
  const { property } = node;
  if (!node.computed && property.type === "Identifier") {
    return `${node.object.name}.${property.name}`;
  }
  if (node.computed && property.type === "Literal") return `${node.object.name}.${property.value}`;
  return undefined;
}
