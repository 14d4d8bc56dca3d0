import { parseArgs, type ParseArgsConfig } from "node:util";

/** The words of a command line. @throws {RangeError} that names the option that is none. */
export function parseWords<const T extends NonNullable<ParseArgsConfig["options"]>>(
  args: readonly string[],
  options: T,
) {
  try {
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    // Its first sentence names the option; what follows is about programs.
    throw new RangeError((error as Error).message.split(/\. |\n/, 1)[0]!, { cause: error });
  }
}

/** The number that an option has for its value. @throws {RangeError} */
export function parseNumber(
  name: string,
  text: string | undefined,
  { least, whole = false }: { readonly least?: number; readonly whole?: boolean } = {},
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  const isNumber = /^\d*\.?\d+$/.test(text) && (!whole || Number.isInteger(value));
  if (isNumber && (least === undefined ? value > 0 : value >= least)) return value;
  const kind = whole ? "a whole number" : "a number";
  throw new RangeError(
    `--${name} ${text} is not ${kind}${least === undefined ? " above 0" : ` from ${least} on`}`,
  );
}
