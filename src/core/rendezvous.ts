/**
 * How far from first a replica stands for a stream: 0 for the one that should forward it, 1 for the
 * one that comes next, and so on (rendezvous hashing). All replicas come to the same order without
 * talking, each is first for its part of the streams, and one that comes or goes changes the order
 * of its own streams only.
 */
export function rankForStream(
  streamId: string,
  replicaId: string,
  replicaIds: readonly string[],
): number {
  const own = weigh(streamId, replicaId);
  let rank = 0;
  for (const other of replicaIds) {
    if (other === replicaId) continue;
    const weight = weigh(streamId, other);
    if (weight > own || (weight === own && other < replicaId)) rank++;
  }
  return rank;
}

/** A number that both texts decide, spread evenly: FNV-1a, and the last steps of MurmurHash3. */
function weigh(streamId: string, replicaId: string): number {
  let hash = 0x811c9dc5;
  for (const text of [replicaId, "\0", streamId]) {
    for (let at = 0; at < text.length; at++) {
      hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
    }
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
