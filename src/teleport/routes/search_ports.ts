import type { Clock } from "../../core/clock.ts";
import { candidatePorts } from "./candidate_ports.ts";
import type { Attempt, FoundRoute } from "./search_route.ts";

/** Where Teleport is looked for. */
export interface TeleportAddress {
  /** Name or address, an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
  /** None was given: the port is found out. @default {false} */
  readonly isPortAssumed?: boolean;
}

/** What was tried at one port. */
export interface PortAttempts {
  readonly port: number;
  readonly attempts: readonly Attempt[];
}

/** The start that a likelier port has before the next one is tried as well. */
const HEAD_START_MS = 1000;

/** How searching at one port goes on. */
type SearchPort = (port: number, signal: AbortSignal) => Promise<FoundRoute | readonly Attempt[]>;

/**
 * Searches at the port of an address, or at all that come into question when none is given: the
 * likeliest first, the next one when that has failed or takes its time. The first way that is found
 * ends the search at the others.
 *
 * @throws what `search` throws.
 */
export async function searchPorts(
  address: TeleportAddress,
  search: SearchPort,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<FoundRoute | readonly PortAttempts[]> {
  const ports = address.isPortAssumed === true ? candidatePorts(address.host) : [address.port];
  const over = new AbortController();
  const stop = () => over.abort(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  const found = Promise.withResolvers<FoundRoute>();
  found.promise.catch(() => {});
  const failed: Promise<PortAttempts | undefined>[] = [];
  for (const port of ports) {
    const before = Promise.all(failed);
    const headStart = clock.sleep(failed.length * HEAD_START_MS, over.signal);
    failed.push((async () => {
      await Promise.race([before, headStart]);
      over.signal.throwIfAborted();
      const result = await search(port, over.signal);
      if (!("socket" in result)) return { port, attempts: result };
      // A second way that was found at the same time.
      if (over.signal.aborted) result.socket.destroy();
      found.resolve(result);
      over.abort();
      return undefined;
    })());
    headStart.catch(() => {});
  }
  try {
    const all = Promise.all(failed);
    all.catch(() => {});
    const first = await Promise.race([found.promise, all]);
    if ("socket" in first) return first;
    return first.filter((attempts) => attempts !== undefined);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", stop);
    over.abort();
  }
}
