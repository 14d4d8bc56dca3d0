/**
 * What every auth server does that the handler may talk to. The suite runs over the fake one and
 * over authpeer, so that the fake is known to be no more lenient than Teleport's own code.
 */
import { fromBinary, toJson } from "@bufbuild/protobuf";
import { StructSchema, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import assert from "node:assert/strict";
import {
  AuditLogService,
  type EventsUnstructured,
} from "../../src/teleport/gen/teleport/auditlog/v1/auditlog_pb.ts";
import { type AuthClient, openAuthClient } from "../support/auth_client.ts";
import type { Credential } from "../support/authpeer.ts";

/** An event that a server is known to have. */
export interface KnownEvent {
  readonly id: string;
  readonly type: string;
  readonly timeMs: number;
  readonly fields: unknown;
}

/** A running server with at least 2,000 events that make more than 1 MiB together. */
export interface AuthServerSubject extends AsyncDisposable {
  readonly address: string;
  readonly credentials: {
    readonly good: Credential;
    readonly expired: Credential;
    readonly foreign: Credential;
  };
  /** All its events, in ascending order. */
  readonly events: readonly KnownEvent[];
}

/** Registers one test; `Deno.test` or a form of `peerTest`. */
export type RegisterTest = (title: string, fn: () => Promise<void>) => void;

/** What a request may say; the window is the whole log unless told otherwise. */
interface Query {
  readonly startMs?: number;
  readonly endMs?: number;
  readonly eventTypes?: string[];
  readonly limit?: number;
  readonly startKey?: string;
  readonly order?: number;
}

const MAX_PAGE_BYTES = 1024 * 1024;

/** Registers the suite for one kind of server. */
export function testAuthServerContract(
  name: string,
  open: () => Promise<AuthServerSubject>,
  register: RegisterTest,
): void {
  const test = (clause: string, fn: (server: Caller) => Promise<void>) =>
    register(`${name} ${clause}`, async () => {
      await using subject = await open();
      using client = openAuthClient({ address: subject.address, ...subject.credentials.good });
      await fn(new Caller(subject, client));
    });

  test("reads ascending for order 0 and descending for order 1", async (server) => {
    const ids = server.events.map((event) => event.id);
    const ascending = await server.call({ limit: 100 });
    assert.deepEqual(ascending.items.map((item) => item.id), ids.slice(0, 100));
    const descending = await server.call({ limit: 100, order: 1 });
    assert.deepEqual(descending.items.map((item) => item.id), ids.reverse().slice(0, 100));
  });

  test("includes events at both ends of the window", async (server) => {
    const first = server.events[100]!;
    const last = server.events[199]!;
    const page = await server.call({ startMs: first.timeMs, endMs: last.timeMs });
    const expected = server.events.filter((event) =>
      event.timeMs >= first.timeMs && event.timeMs <= last.timeMs
    );
    assert.ok(expected.length >= 100);
    assert.deepEqual(page.items.map((item) => item.id), expected.map((event) => event.id));
    assert.equal(page.lastKey, "");
  });

  test("gives each event once over pages, with an empty last_key on the last alone", async (server) => {
    const [first, last] = [server.events[0]!, server.events[99]!];
    const expected = server.events.filter((event) => event.timeMs <= last.timeMs);
    const window = { startMs: first.timeMs, endMs: last.timeMs };
    for (const limit of [7, 25, expected.length, expected.length + 1]) {
      const pages = await server.readAll({ ...window, limit });
      assert.equal(pages.length, Math.ceil(expected.length / limit));
      assert.deepEqual(
        pages.flatMap((page) => page.items.map((item) => item.id)),
        expected.map((event) => event.id),
      );
    }
  });

  test("takes a start_key again with another limit, and keys need careful carrying", async (server) => {
    const { lastKey } = await server.call({ limit: 5 });
    assert.match(lastKey, /["\\ü🗝]/u);
    const page = await server.call({ limit: 9, startKey: lastKey });
    assert.deepEqual(
      page.items.map((item) => item.id),
      server.events.slice(5, 14).map((event) => event.id),
    );
  });

  test("gives 500 events for limit 0", async (server) => {
    const page = await server.call({ limit: 0 });
    assert.equal(page.items.length, 500);
    assert.notEqual(page.lastKey, "");
  });

  test("ends a page at 1 MiB of payload, short of the limit", async (server) => {
    const pages = await server.readAll({ limit: 10_000 });
    assert.ok(pages.length > 1);
    for (const page of pages) {
      const bytes = page.items.reduce((sum, item) => sum + item.unstructured.length, 0);
      assert.ok(bytes <= MAX_PAGE_BYTES, `page of ${bytes} bytes`);
    }
    assert.deepEqual(
      pages.flatMap((page) => page.items.map((item) => item.id)),
      server.events.map((event) => event.id),
    );
  });

  test("filters by exact event types, over pages too", async (server) => {
    const eventTypes = ["user.login", "session.start"];
    const pages = await server.readAll({ eventTypes, limit: 10 });
    assert.deepEqual(
      pages.flatMap((page) => page.items.map((item) => item.id)),
      server.events.filter((e) => eventTypes.includes(e.type)).map((event) => event.id),
    );
    const none = await server.call({ eventTypes: ["user"] });
    assert.deepEqual([none.items.length, none.lastKey], [0, ""]);
  });

  test("gives the payload as a Struct with type, id and time beside it", async (server) => {
    const page = await server.call({ limit: 200 });
    for (const [i, item] of page.items.entries()) {
      const event = server.events[i]!;
      assert.equal(item.id, event.id);
      assert.equal(item.type, event.type);
      assert.equal(Number(item.time!.seconds) * 1000 + item.time!.nanos / 1e6, event.timeMs);
      const struct = fromBinary(StructSchema, item.unstructured);
      assert.deepEqual(toJson(StructSchema, struct), event.fields);
    }
  });

  test("answers nonsense with InvalidArgument", async (server) => {
    const [startMs, endMs] = [server.events[0]!.timeMs, server.events.at(-1)!.timeMs];
    await assertCode(server.call({ startMs: endMs, endMs: startMs }), Code.InvalidArgument);
    await assertCode(server.call({ startKey: "rubbish" }), Code.InvalidArgument);
    await assertCode(server.client.auditLog.getUnstructuredEvents({}), Code.InvalidArgument);
  });

  test("answers calls that it does not know with Unimplemented", async (server) => {
    const method = { ...AuditLogService.method.getUnstructuredEvents, name: "NoSuchCall" };
    await assertCode(
      server.client.transport.unary(method, undefined, 5000, undefined, {}),
      Code.Unimplemented,
    );
  });

  for (
    const [kind, who] of [["expired", "expired"], ["foreign", "foreign"], ["no", null]] as const
  ) {
    register(`${name} lets nobody in with ${kind} certificate`, async () => {
      await using subject = await open();
      const { authorityPem } = subject.credentials.good;
      using client = openAuthClient({
        address: subject.address,
        ...(who === null ? {} : subject.credentials[who]),
        authorityPem,
      });
      await assert.rejects(
        client.auditLog.getUnstructuredEvents({}, { timeoutMs: 10_000 }),
        (error: ConnectError) => error.code !== Code.InvalidArgument,
      );
    });
  }
}

/** Calls a server on behalf of a clause. */
class Caller {
  readonly events: readonly KnownEvent[];
  readonly client: AuthClient;

  constructor(subject: AuthServerSubject, client: AuthClient) {
    this.events = subject.events;
    this.client = client;
  }

  async call(query: Query): Promise<EventsUnstructured> {
    const { startMs, endMs, ...rest } = query;
    return await this.client.auditLog.getUnstructuredEvents({
      namespace: "default",
      startDate: timestampFromMs(startMs ?? this.events[0]!.timeMs),
      endDate: timestampFromMs(endMs ?? this.events.at(-1)!.timeMs),
      ...rest,
    }, { timeoutMs: 20_000 });
  }

  async readAll(query: Query): Promise<EventsUnstructured[]> {
    const pages: EventsUnstructured[] = [];
    for (let startKey = "";;) {
      const page = await this.call({ ...query, startKey });
      pages.push(page);
      if (page.lastKey === "") return pages;
      startKey = page.lastKey;
    }
  }
}

/** Asserts that a call fails with the given code. */
export async function assertCode(call: Promise<unknown>, code: Code): Promise<void> {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof ConnectError, String(error));
    assert.equal(Code[error.code], Code[code], error.message);
    return true;
  });
}
