import type { StreamPosition } from "../pipeline/ports.ts";
import { decodeBulkPosition } from "../teleport/bulk_position.ts";
import { decodeLogPosition } from "../teleport/log_position.ts";
import { decodePending, GO_PENDING } from "./go_streams.ts";

/** Says in a few words what a state holds. */
export function describeStreams(streams: readonly StreamPosition[]): string {
  const parts: string[] = [];
  for (const { position, streamId } of streams) {
    if (streamId === "log") {
      parts.push(`the log up to ${formatTime(decodeLogPosition(position).fromMs)}`);
    } else if (streamId === "bulk") {
      parts.push(`the bulk export from ${decodeBulkPosition(position).date} on`);
    } else if (streamId === GO_PENDING) {
      const { marks, mode } = decodePending(position);
      const place = marks.id === "" ? "its start" : `event ${marks.id}`;
      if (mode === "paged") parts.push(`the log where the Go handler stopped, behind ${place}`);
    }
  }
  const count = (prefix: string) => streams.filter(({ streamId }) => streamId.startsWith(prefix));
  const recordings = count("session/").length;
  if (recordings > 0) parts.push(recordings === 1 ? "1 recording" : `${recordings} recordings`);
  const chunks = count("chunk/").length + count("done/").length;
  if (chunks > 0) parts.push(chunks === 1 ? "1 chunk" : `${chunks} chunks`);
  return parts.length === 0 ? "nothing" : parts.join(", ");
}

/** A time to the second, where it has no more. */
export function formatTime(ms: number): string {
  return new Date(ms).toISOString().replace(".000Z", "Z");
}
