import type { AuditEvent } from "./event.ts";

/** Which events go on, by exact type. */
export interface EventFilterOptions {
  /** Only these types; all when empty. */
  readonly types: readonly string[];
  /** Never these types. */
  readonly skipTypes: readonly string[];
}

/** Decides whether an event is forwarded. */
export type EventFilter = (event: AuditEvent) => boolean;

/** Creates the filter for `types` and `skip-event-types`: exact matches, no patterns. */
export function createEventFilter(options: EventFilterOptions): EventFilter {
  const types = new Set(options.types);
  const skipTypes = new Set(options.skipTypes);
  return (event) => (types.size === 0 || types.has(event.type)) && !skipTypes.has(event.type);
}
