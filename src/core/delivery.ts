/**
 * What became of one request to the receiver. It is a value, not an exception: a receiver that is
 * away or refuses an event is an ordinary day, and whoever sent decides what follows.
 *
 * - `delivered`: the receiver has taken every event of the request.
 * - `retry`: the same request may succeed later. `afterMs` is the receiver's own wish. `overloaded`
 *   and the like are not told apart; `suspect` is set when the request itself may be the reason (a
 *   server error that could come from one event), so that a repeated failure is worth narrowing.
 * - `rejected`: this request will never be taken as it is; some event in it is at fault. `remedy` says
 *   what to do when it is not an event but the receiver, which refuses all of them.
 * - `misconfigured`: nothing will be taken until someone changes a setting (wrong URL, credentials);
 *   `remedy` says which.
 */
export type Delivery =
  | { readonly kind: "delivered" }
  | {
    readonly kind: "retry";
    readonly reason: string;
    readonly afterMs?: number;
    readonly suspect?: boolean;
  }
  | { readonly kind: "rejected"; readonly reason: string; readonly remedy?: string }
  | { readonly kind: "misconfigured"; readonly reason: string; readonly remedy?: string };
