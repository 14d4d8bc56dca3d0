/**
 * Has the runtime gather the noise that its random numbers begin with. TLS would do so at its first
 * connection, and hold up the whole program for some 40 ms (Deno 2.7). Making a key takes the same
 * noise, and makes it on a thread of its own: begun early, it costs no time.
 */
export function gatherEntropy(): void {
  // Without it TLS gathers its own, and fails by itself where there is none.
  crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, false, ["sign"]).catch(() => {});
}
