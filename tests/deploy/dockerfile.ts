/** Reads a Dockerfile as far as ours go. */
import { fileURLToPath } from "node:url";

/** One instruction: `COPY --from=layout /image/ /`. */
export interface Instruction {
  readonly name: string;
  readonly value: string;
}

/** Path of a file in deploy/docker. */
export function dockerPath(name: string): string {
  return fileURLToPath(new URL(`../../deploy/docker/${name}`, import.meta.url));
}

/** Reads the instructions of a file, comments and continued lines joined out. */
export function readDockerfile(name: string): readonly Instruction[] {
  const text = Deno.readTextFileSync(dockerPath(name))
    .replaceAll(/^\s*#.*\n/gm, "").replaceAll(/\\\n\s*/g, "");
  return text.split("\n").filter((line) => line.trim() !== "").map((line) => {
    const [, name, value] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    if (name === undefined) throw new SyntaxError(`No instruction: ${line}`);
    return { name, value: value! };
  });
}

/** The instructions from the last FROM on: what the image is. */
export function finalStage(instructions: readonly Instruction[]): readonly Instruction[] {
  return instructions.slice(instructions.findLastIndex(({ name }) => name === "FROM"));
}

/** The value of the one instruction of a name. */
export function valueOf(stage: readonly Instruction[], name: string): string {
  const found = stage.filter((instruction) => instruction.name === name);
  if (found.length !== 1) throw new Error(`${found.length} instructions ${name}`);
  return found[0]!.value;
}

/** The words of an instruction in exec form, the one that needs no shell. */
export function wordsOf(stage: readonly Instruction[], name: string): readonly string[] {
  return JSON.parse(valueOf(stage, name).replace(/^.*?CMD /, ""));
}
