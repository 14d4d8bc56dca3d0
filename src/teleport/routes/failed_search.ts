import type { PortAttempts, TeleportAddress } from "./search_ports.ts";
import type { Attempt } from "./search_route.ts";

/** A search that brought nothing, in words. */
export interface FailedSearch {
  /** What was tried and what each answered, in one line that goes on after a colon. */
  readonly text: string;
  /** What that usually means, and what to do. */
  readonly hint: string | undefined;
  /** Waiting alone does not help. */
  readonly isLasting: boolean;
  /** One line for each attempt. */
  readonly lines: readonly string[];
}

/** Says what was tried: shortly where there is one reason, else each attempt with its answer. */
export function describeFailedSearch(
  { host, port }: TeleportAddress,
  ports: readonly PortAttempts[],
): FailedSearch {
  const attempts = ports.flatMap(({ attempts }) => attempts);
  const verdict = attempts.at(-1)?.problem;
  const lines = ports.flatMap(({ attempts, port }) =>
    joinEqual(attempts).map((line) => ports.length === 1 ? line : `port ${port}: ${line}`)
  );
  const finals = attempts.filter(({ problem }) => problem.isFinal);
  const name = host.includes(":") ? `[${host}]` : host;
  const where = ports.length === 1 ? `${name}:${port}` : host;
  return {
    text: ports.length === 1 && finals.length === 1
      ? finals[0]!.problem.text
      : `no way to Teleport at ${where} was found: ${lines.join("; ")}`,
    hint: findHint(attempts) ?? verdict?.hint,
    isLasting: attempts.length > 0 && attempts.every(({ problem }) => problem.isLasting),
    lines,
  };
}

/** Several ways that fail alike are told of once. */
function joinEqual(attempts: readonly Attempt[]): readonly string[] {
  const texts = [...new Set(attempts.map(({ problem }) => problem.text))];
  return texts.map((text) => {
    const ways = attempts.filter(({ problem }) => problem.text === text).map(({ what }) => what);
    return `${[...new Set(ways)].join(" and ")}: ${text}`;
  });
}

/** The last attempt is the one that came furthest; a port where nobody listens says nothing. */
function findHint(attempts: readonly Attempt[]): string | undefined {
  return attempts.findLast(({ problem }) => problem.hint !== undefined)?.problem.hint;
}
