/**
 * Draws the seed of a random test and prints it, so that a failure can be repeated by setting `SEED`.
 */
export function drawSeed(): number {
  const given = Deno.env.get("SEED");
  const seed = given === undefined ? crypto.getRandomValues(new Uint32Array(1))[0]! : Number(given);
  Deno.stderr.writeSync(new TextEncoder().encode(`SEED=${seed}\n`));
  return seed;
}
