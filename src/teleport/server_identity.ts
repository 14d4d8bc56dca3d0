import { X509Certificate } from "node:crypto";
import { checkServerIdentity, type PeerCertificate } from "node:tls";

/** Name on the certificate of every auth server, whatever its address (api/client/credentials.go). */
export const AUTH_SERVER_NAME = "teleport.cluster.local";

/**
 * Checks that a server has the name asked for and that one of the cluster's own authorities has signed
 * its certificate. The latter needs saying: the runtime trusts the authorities that it is given besides
 * those of the system, not in their place (Deno 2.7), and a proxy that inspects TLS is among these.
 *
 * Returns what is wrong, in the way of `checkServerIdentity` of `node:tls`.
 */
export function checkAuthServer(
  name: string,
  peer: PeerCertificate,
  authorities: readonly string[],
): Error | undefined {
  const wrongName = checkServerIdentity(name, peer);
  if (wrongName !== undefined) return wrongName;
  const leaf = new X509Certificate(peer.raw);
  if (authorities.some((pem) => isSignedBy(leaf, new X509Certificate(pem)))) return undefined;
  const error = new Error("Certificate is not signed by an authority of the cluster");
  return Object.assign(error, { code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" });
}

/** Auth servers are signed by the host authority itself, never by way of another certificate. */
function isSignedBy(leaf: X509Certificate, authority: X509Certificate): boolean {
  if (!leaf.checkIssued(authority)) return false;
  // The runtime cannot check signatures of other curves here, which Teleport does not use; it has
  // checked the whole chain before.
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = authority.publicKey;
  if (type === "ec" && details?.namedCurve !== "prime256v1") return true;
  return leaf.verify(authority.publicKey);
}
