/**
 * Finds the candidate that a mistyped name most likely meant: the one with the smallest edit distance
 * (insertion, deletion, replacement, swap of neighbours) within a third of the name's length, else the
 * shortest that ends with the name as its last words ("url" for "fluentd-url"). Undefined when nothing
 * is near.
 */
export function findNearestName(name: string, candidates: readonly string[]): string | undefined {
  let nearest: string | undefined;
  let smallest = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - name.length) >= smallest) continue;
    const distance = editDistance(name, candidate);
    if (distance < smallest && distance < candidate.length) {
      [nearest, smallest] = [candidate, distance];
    }
  }
  if (nearest !== undefined) return nearest;
  return candidates.filter((candidate) => /^[-._]/.test(candidate.slice(0, -name.length).slice(-1)))
    .filter((candidate) => name !== "" && candidate.endsWith(name))
    .sort((a, b) => a.length - b.length)[0];
}

function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, beforeLast[j - 2]! + 1);
      }
      row.push(best);
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length]!;
}
