/**
 * The steps that each event or request goes through, one by one: `scripts/denow bench tests/bench`.
 * Each is of 500 events, as many as a full page holds.
 */
import { create, fromJson, type JsonObject, toBinary } from "@bufbuild/protobuf";
import { StructSchema, timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { AuditEvent } from "../../src/core/event.ts";
import { RequestBody } from "../../src/fluentd/request.ts";
import { classifyResponse } from "../../src/fluentd/response.ts";
import { PageQueue } from "../../src/pipeline/page_queue.ts";
import { decodeMessage } from "../../src/teleport/event_messages.ts";
import { EventsUnstructuredSchema } from "../../src/teleport/gen/teleport/auditlog/v1/auditlog_pb.ts";
import {
  afterEvents,
  createDoneCheck,
  encodeLogPosition,
  startOfLog,
} from "../../src/teleport/log_position.ts";
import { StructJsonWriter } from "../../src/teleport/struct_json.ts";
import { buildEvents } from "../support/events.ts";
import { makePage } from "../support/pipeline_ports.ts";

const COUNT = 500;
const LIMITS = { maxEvents: COUNT, maxBytes: 4 * 1024 * 1024 };

const fakes = buildEvents({ count: COUNT });
const structs = fakes.map(({ fields }) =>
  toBinary(StructSchema, fromJson(StructSchema, fields as JsonObject))
);
const writer = new StructJsonWriter();
const events: AuditEvent[] = fakes.map(({ id, timeMs, type }, index) => ({
  id,
  type,
  timeMs,
  ...writer.write(structs[index]!),
}));
const page = makePage(events, 0);
const body = new RequestBody();
const message = toBinary(
  EventsUnstructuredSchema,
  create(EventsUnstructuredSchema, {
    items: fakes.map(({ id, timeMs, type }, index) => ({
      id,
      type,
      time: timestampFromMs(timeMs),
      unstructured: structs[index]!,
    })),
  }),
);

Deno.bench("decodeMessage(), a page of 500 events", () => {
  decodeMessage(EventsUnstructuredSchema, message);
});

Deno.bench("StructJsonWriter.write(), 500 events", () => {
  for (const struct of structs) writer.write(struct);
});

Deno.bench("RequestBody.build(), 500 events", () => {
  body.build(events);
});

Deno.bench("classifyResponse(), 500 answers", () => {
  for (let n = 0; n < COUNT; n++) {
    classifyResponse({
      status: n % 2 === 0 ? 200 : 503,
      retryAfter: null,
      location: null,
      text: "",
    });
  }
});

Deno.bench("PageQueue, a page of 500 events in and out", async () => {
  const queue = new PageQueue({ filter: () => true, maxBytes: 2 * 1024 * 1024 });
  const pushed = queue.push(page);
  queue.takeNow(LIMITS);
  await pushed;
});

Deno.bench("Log position, a page of 500 events checked, passed and encoded", () => {
  const start = startOfLog(events[0]!.timeMs);
  const isDone = createDoneCheck(start);
  const fresh = events.filter((event) => !isDone(event));
  encodeLogPosition(afterEvents(start, fresh, { limitMs: Infinity, untilMs: Date.now() }));
});
