import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type CallOptions, Code, ConnectError } from "@connectrpc/connect";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { untilAborted } from "../../src/core/until_aborted.ts";
import {
  type EventsUnstructured,
  EventsUnstructuredSchema,
  type GetUnstructuredEventsRequestSchema,
} from "../../src/teleport/gen/teleport/auditlog/v1/auditlog_pb.ts";
import { type AuditLog, InvalidQueryError, type PageQuery } from "./audit_log.ts";

const NEVER = new Promise<never>(() => {});

/** Reads an audit log by the client's own interface, without a network: for tests of one stream. */
export class LogClient {
  /** Everything that was asked, in order. */
  readonly queries: PageQuery[] = [];
  /** Of each query. */
  readonly signals: (AbortSignal | undefined)[] = [];
  /** Thrown in place of the next answers, in order; where one is undefined, the answer is given. */
  readonly failures: (ConnectError | undefined)[] = [];
  /** How many queries are answered; to further ones no answer comes until they are aborted. */
  answers = Infinity;
  readonly #log: AuditLog;

  constructor(log: AuditLog) {
    this.#log = log;
  }

  getUnstructuredEvents(
    request: MessageInitShape<typeof GetUnstructuredEventsRequestSchema>,
    options?: CallOptions,
  ): Promise<EventsUnstructured> {
    options?.signal?.throwIfAborted();
    const query: PageQuery = {
      startMs: toMs(request.startDate),
      endMs: toMs(request.endDate),
      eventTypes: request.eventTypes ?? [],
      limit: request.limit ?? 0,
      startKey: request.startKey ?? "",
      order: request.order ?? 0,
    };
    this.queries.push(query);
    this.signals.push(options?.signal);
    if (this.queries.length > this.answers) return untilAborted(NEVER, options!.signal!);
    const failure = this.failures.shift();
    if (failure !== undefined) return Promise.reject(failure);
    try {
      const page = this.#log.readPage(query);
      return Promise.resolve(create(EventsUnstructuredSchema, {
        items: page.items.map(({ event: { type, id, timeMs, index }, body }) => ({
          type,
          id,
          time: timestampFromMs(timeMs),
          index: BigInt(index),
          unstructured: body,
        })),
        lastKey: page.lastKey,
      }));
    } catch (error) {
      if (!(error instanceof InvalidQueryError)) throw error;
      return Promise.reject(new ConnectError(error.message, Code.InvalidArgument));
    }
  }
}

function toMs(time: { seconds?: bigint; nanos?: number } | undefined): number {
  return Number(time?.seconds ?? NaN) * 1000 + (time?.nanos ?? 0) / 1e6;
}
