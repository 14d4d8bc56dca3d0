import type { TLSSocket } from "node:tls";
import type { Clock } from "../../core/clock.ts";
import { Fault } from "../../core/fault.ts";
import type { TeleportKeyMaterial } from "../identity_file.ts";
import { openRoute, type OpenRouteOptions } from "./open_route.ts";
import { describeFailedSearch } from "./failed_search.ts";
import { describeWay, isSameRoute, type Route, type TeleportNetwork } from "./route.ts";
import { explainRouteFailure } from "./route_problem.ts";
import { searchPorts, type TeleportAddress } from "./search_ports.ts";
import { searchRoute } from "./search_route.ts";
import { limitTime } from "./time_limit.ts";

/** Longest time to a finished TLS handshake; the official client's dial time-out. */
const CONNECT_TIMEOUT_MS = 30_000;
/** Failures in a row after which a way that has worked is doubted. */
const MAX_FAILURES = 3;

/** Where Teleport is, and what the network between is like. */
export interface RouteFinderOptions {
  readonly address: TeleportAddress;
  readonly network: TeleportNetwork;
  readonly clock: Clock;
  /** A way that is known to work. @default {none: it is searched} */
  readonly route?: Route | undefined;
  /** Told of the way that was found, and of each other one later. */
  readonly onRoute?: ((route: Route) => void) | undefined;
  /** Longest time for one attempt, in milliseconds. @default {30000} */
  readonly attemptMs?: number;
}

/**
 * Makes connections to the auth service by the way that works. The way is searched at first, kept from
 * then on, and searched anew when it has failed again and again: the address may lead elsewhere now.
 */
export class RouteFinder {
  readonly #options: RouteFinderOptions;
  readonly #attemptMs: number;
  #route: Route | undefined;
  /** What was told last. */
  #told: Route | undefined;
  #failures = 0;
  /** The last connection did not come about. */
  #isAway = false;

  constructor(options: RouteFinderOptions) {
    this.#options = options;
    this.#attemptMs = options.attemptMs ?? CONNECT_TIMEOUT_MS;
    this.#route = options.route;
    this.#told = options.route;
  }

  /**
   * Opens a connection to the auth service, which has proved itself.
   *
   * @throws {Fault} that says what was tried, what each answered, and what to do. @throws `signal.reason`.
   */
  async open(credentials: TeleportKeyMaterial, signal: AbortSignal): Promise<TLSSocket> {
    const isSearch = this.#route === undefined || this.#failures >= MAX_FAILURES;
    const knocksFirst = this.#isAway;
    this.#isAway = true;
    const options = { credentials, network: this.#options.network, knocksFirst };
    const socket = isSearch
      ? await this.#search(options, signal)
      : await this.#reopen(this.#route!, options, signal);
    this.#failures = 0;
    this.#isAway = false;
    return socket;
  }

  async #reopen(
    route: Route,
    options: OpenRouteOptions,
    signal: AbortSignal,
  ): Promise<TLSSocket> {
    const { clock } = this.#options;
    using limit = limitTime({ clock, attemptMs: this.#attemptMs, signal });
    try {
      return await openRoute(route, options, limit.signal);
    } catch (error) {
      signal.throwIfAborted();
      this.#failures++;
      const { hint, isLasting, text } = explainRouteFailure(error, route);
      const message = route.kind === "direct" ? text : `${describeWay(route.kind)}: ${text}`;
      throw new Fault(isLasting ? "denied" : "unavailable", message, {
        ...(hint === undefined ? {} : { hint }),
        cause: error,
      });
    }
  }

  async #search(options: OpenRouteOptions, signal: AbortSignal): Promise<TLSSocket> {
    const { address, clock, onRoute } = this.#options;
    const search = { ...options, clock, attemptMs: this.#attemptMs };
    const found = await searchPorts(
      address,
      (port, signal) => searchRoute({ host: address.host, port }, search, signal),
      { clock, signal },
    );
    if (!("socket" in found)) {
      const { hint, isLasting, text } = describeFailedSearch(address, found);
      throw new Fault(
        isLasting ? "denied" : "unavailable",
        text,
        hint === undefined ? {} : { hint },
      );
    }
    this.#route = found.route;
    if (!isSameRoute(this.#told, found.route)) {
      this.#told = found.route;
      onRoute?.(found.route);
    }
    return found.socket;
  }
}
