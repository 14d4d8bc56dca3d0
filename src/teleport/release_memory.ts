/**
 * Gives memory back at once, and not when it is collected: what is received would otherwise lie about
 * for some hundred milliseconds, tens of megabytes of it, and make V8 collect all its heap for want of
 * memory that is not the heap's. Nothing may look at the bytes, or at others of their buffer, any more.
 */
export function releaseMemory({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength > 0) buffer.transfer(0);
}
