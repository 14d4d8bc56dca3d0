/** Machines by the number that a format has for them. */
const ELF = new Map([[0x3e, "x86_64"], [0xb7, "aarch64"]]);
const MACH_O = new Map([[0x0100_0007, "x86_64"], [0x0100_000c, "aarch64"]]);
const PE = new Map([[0x8664, "x86_64"], [0xaa64, "aarch64"]]);

/** How many bytes of an executable say what it is. */
export const HEAD_BYTES = 4096;

/**
 * Reads the triple that an executable is for off its first bytes: with a base of another machine,
 * `deno compile` writes that machine's executable and does not say so.
 *
 * @returns undefined for what is no executable.
 */
export function parseTriple(head: Uint8Array): string | undefined {
  if (head.length < 64) return undefined;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const magic = view.getUint32(0, true);
  if (magic === 0x464c_457f) return join(ELF.get(view.getUint16(18, true)), "unknown-linux-gnu");
  if (magic === 0xfeed_facf) return join(MACH_O.get(view.getUint32(4, true)), "apple-darwin");
  if (view.getUint16(0, true) !== 0x5a4d) return undefined;
  const at = view.getUint32(60, true);
  if (at + 6 > head.length || view.getUint32(at, true) !== 0x4550) return undefined;
  return join(PE.get(view.getUint16(at + 4, true)), "pc-windows-msvc");
}

function join(machine: string | undefined, system: string): string | undefined {
  return machine === undefined ? undefined : `${machine}-${system}`;
}
