import { type AuditEvent, jsonOf } from "../core/event.ts";
import { isSessionId } from "../core/session_id.ts";
import { encodeSessionPosition } from "../core/session_position.ts";
import type { StreamPosition } from "./ports.ts";
import { SESSION_PREFIX } from "./session_scheduler.ts";

/** The event that says that a recording was uploaded. */
export const UPLOAD_EVENT = "session.upload";

/**
 * The session streams that events open: one for each `session.upload` whose `sid` is a session id.
 * `onInvalid` is told of an upload without one, of which no recording can be read.
 */
export function findOpenedSessions(
  events: readonly AuditEvent[],
  onInvalid: (event: AuditEvent, sid: unknown) => void,
): StreamPosition[] {
  const opened: StreamPosition[] = [];
  for (const event of events) {
    if (event.type !== UPLOAD_EVENT || event.defect !== undefined) continue;
    const { sid } = JSON.parse(new TextDecoder().decode(jsonOf(event)));
    if (!isSessionId(sid)) {
      onInvalid(event, sid);
      continue;
    }
    opened.push({
      streamId: `${SESSION_PREFIX}${sid}`,
      position: encodeSessionPosition({ index: 0, uploadMs: event.timeMs, attempts: 0, dueMs: 0 }),
    });
  }
  return opened;
}
