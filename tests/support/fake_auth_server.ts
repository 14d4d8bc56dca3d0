/**
 * A Teleport auth server for tests: the audit log over real gRPC with mutual TLS, at least as strict
 * as the real one, with a journal of what was asked and scripted faults.
 */
import { create } from "@bufbuild/protobuf";
import { type Timestamp, timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  Code,
  ConnectError,
  createContextKey,
  createContextValues,
  type HandlerContext,
} from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import {
  AuditLogService,
  type EventsUnstructured,
  EventsUnstructuredSchema,
  type GetUnstructuredEventsRequest,
} from "../../src/teleport/gen/teleport/auditlog/v1/auditlog_pb.ts";
import {
  AuditLog,
  type AuditLogOptions,
  InvalidQueryError,
  type LogPage,
  type PageQuery,
} from "./audit_log.ts";
import { Bell } from "./bell.ts";
import { type TeleportCertificates, teleportCertificates } from "./certificates.ts";
import type { FakeEvent } from "./events.ts";
import { Gate } from "./gate.ts";
import { Http2Listener } from "./http2_listener.ts";

/** How to start the server. */
export interface FakeAuthServerOptions extends AuditLogOptions {
  /** @default {those of the process} */
  readonly certificates?: TeleportCertificates;
  /** What is in the log from the start. @default {[]} */
  readonly events?: readonly FakeEvent[];
}

/** One call for a page, as the server saw it, and how it ended. */
export interface RecordedRequest extends PageQuery {
  /** Place in the journal, from 0. */
  readonly index: number;
  readonly namespace: string;
  readonly headers: Headers;
  readonly connectionId: number;
  /** Time the client allows, in milliseconds; undefined for ever. */
  readonly timeoutMs: number | undefined;
  /** `ok`, or the code of the error; undefined while the call is open. */
  outcome?: "ok" | keyof typeof Code;
  /** Number of events in the answer. */
  items?: number;
  /** `last_key` of the answer. */
  lastKey?: string;
}

/** An error to answer with. */
export interface ScriptedFailure {
  readonly code: Code;
  readonly message?: string;
  /** How many calls fail. @default {1} */
  readonly times?: number;
  /** How long the call takes before it fails. @default {0} */
  readonly afterMs?: number;
}

/** A call that gets no answer. */
export interface HungCall {
  /** Resolves when the call has come. */
  readonly reached: Promise<void>;
  /** Resolves when the client has given up, or its connection is gone. */
  readonly canceled: Promise<void>;
}

/** One scripted deviation: what one call does in place of, before or after its work. */
type Step =
  | { readonly kind: "fail"; readonly failure: ScriptedFailure }
  | { readonly kind: "hold"; readonly gate: Gate }
  | { readonly kind: "hang"; readonly reached: () => void; readonly canceled: () => void }
  | { readonly kind: "reset"; readonly code: number }
  | { readonly kind: "drop" }
  | { readonly kind: "change"; readonly change: (page: LogPage) => LogPage };

const REQUEST = createContextKey<Http2ServerRequest | undefined>(undefined);

/** Starts the server on a free port of 127.0.0.1: `await using server = await …`. */
export async function startFakeAuthServer(
  options: FakeAuthServerOptions = {},
): Promise<FakeAuthServer> {
  return await FakeAuthServer.start(options);
}

/** See the head of this file. */
export class FakeAuthServer implements AsyncDisposable {
  readonly certificates: TeleportCertificates;
  /** All calls for pages, in the order of their coming. */
  readonly requests: RecordedRequest[] = [];
  /** Paths of all calls that the server does not know; it answers them with Unimplemented. */
  readonly unknownCalls: string[] = [];
  readonly #log: AuditLog;
  readonly #bell = new Bell();
  readonly #shutdown = new AbortController();
  readonly #script: Step[] = [];
  readonly #gates = new Set<Gate>();
  #listener!: Http2Listener;

  private constructor(options: FakeAuthServerOptions, certificates: TeleportCertificates) {
    this.certificates = certificates;
    this.#log = new AuditLog(options);
    this.#log.append(options.events ?? []);
  }

  /** Starts a server; `startFakeAuthServer` is the short form. */
  static async start(options: FakeAuthServerOptions): Promise<FakeAuthServer> {
    const certificates = options.certificates ?? await teleportCertificates();
    const server = new FakeAuthServer(options, certificates);
    server.#listener = await Http2Listener.open({
      server: certificates.server,
      clientAuthorityPem: certificates.userAuthority.certificatePem,
      onRequest: connectNodeAdapter({
        grpc: true,
        grpcWeb: false,
        connect: false,
        acceptCompression: [],
        shutdownSignal: server.#shutdown.signal,
        contextValues: (request) =>
          createContextValues().set(REQUEST, request as Http2ServerRequest),
        fallback: (request, response) =>
          server.#refuseUnknown(request as Http2ServerRequest, response as Http2ServerResponse),
        routes: (router) =>
          router.service(AuditLogService, {
            getUnstructuredEvents: (request, context) => server.#handle(request, context),
          }),
      }),
    });
    return server;
  }

  /** Host and port, as `--teleport-addr` takes them. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get port(): number {
    return this.#listener.tls.port;
  }

  /** Connections made so far, those with failed handshakes among them. */
  get connections(): number {
    return this.#listener.tls.connections;
  }

  get openConnections(): number {
    return this.#listener.tls.openConnections;
  }

  get openStreams(): number {
    return this.#listener.openStreams;
  }

  /** Messages of failed TLS handshakes. */
  get handshakeErrors(): readonly string[] {
    return this.#listener.tls.handshakeErrors;
  }

  /** All events of the log, in the order in which an ascending reader gets them. */
  get events(): FakeEvent[] {
    return this.#log.events;
  }

  /** Adds events to the log. */
  append(events: readonly FakeEvent[]): void {
    this.#log.append(events);
  }

  /** Lets the next calls fail. Scripted steps are taken in the order in which they were given. */
  failNext(failure: ScriptedFailure): void {
    for (let i = 0; i < (failure.times ?? 1); i++) this.#script.push({ kind: "fail", failure });
  }

  /** Holds the next call at a gate until the test opens it. */
  holdNext(): Gate {
    const gate = new Gate();
    this.#gates.add(gate);
    this.#script.push({ kind: "hold", gate });
    return gate;
  }

  /** Never answers the next call. */
  hangNext(): HungCall {
    const reached = Promise.withResolvers<void>();
    const canceled = Promise.withResolvers<void>();
    this.#script.push({ kind: "hang", reached: reached.resolve, canceled: canceled.resolve });
    return { reached: reached.promise, canceled: canceled.promise };
  }

  /** Ends the next call with RST_STREAM and the given HTTP/2 error code (2: INTERNAL_ERROR). */
  resetNext(code = 2): void {
    this.#script.push({ kind: "reset", code });
  }

  /** Resets the connection of the next call instead of answering it. */
  dropNext(): void {
    this.#script.push({ kind: "drop" });
  }

  /** Changes the answer of the next call: a page that repeats, an empty one, a broken body. */
  changeNext(change: (page: LogPage) => LogPage): void {
    this.#script.push({ kind: "change", change });
  }

  /** Drops the scripted steps that are left. */
  clearScript(): void {
    this.#script.length = 0;
  }

  /** Resets every connection. */
  dropConnections(): void {
    this.#listener.tls.drop();
  }

  /** Sends GOAWAY over every connection. */
  goAway(): void {
    this.#listener.goAway();
  }

  /** Resets every connection and takes no new ones until `accept`. */
  async refuse(): Promise<void> {
    await this.#listener.tls.refuse();
  }

  /** Takes connections again, on the same port. */
  async accept(): Promise<void> {
    await this.#listener.tls.accept();
  }

  /** Goes away and comes back on the same port. */
  async restart(): Promise<void> {
    await this.refuse();
    await this.accept();
  }

  /** Resolves when at least `count` calls for pages have come. */
  async waitForRequests(count: number, timeoutMs?: number): Promise<void> {
    await this.#bell.waitFor(() => this.requests.length >= count, {
      what: () => `${count} requests; there were ${this.requests.length}`,
      timeoutMs,
    });
  }

  /** Resolves with the first call that matches, come already or yet to come. */
  async waitForRequest(
    predicate: (request: RecordedRequest) => boolean,
    timeoutMs?: number,
  ): Promise<RecordedRequest> {
    return await this.#bell.waitFor(() => this.requests.find(predicate), {
      what: () => `a certain request; there were ${this.requests.length} others`,
      timeoutMs,
    });
  }

  /** Resolves when at most `count` connections are open. */
  async waitForOpenConnections(count: number, timeoutMs?: number): Promise<void> {
    await this.#listener.tls.waitForOpenConnections(count, timeoutMs);
  }

  /**
   * Stops the server.
   *
   * @throws When a client left a connection open.
   */
  async close(): Promise<void> {
    this.#shutdown.abort();
    for (const gate of this.#gates) gate.open();
    await this.#listener.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #handle(
    request: GetUnstructuredEventsRequest,
    context: HandlerContext,
  ): Promise<EventsUnstructured> {
    const record = this.#record(request, context);
    this.requests.push(record);
    this.#bell.ring();
    try {
      const answer = await this.#answer(record, context);
      record.outcome = "ok";
      record.items = answer.items.length;
      record.lastKey = answer.lastKey;
      return answer;
    } catch (error) {
      const { code } = ConnectError.from(error);
      record.outcome = Code[code] as keyof typeof Code;
      throw error;
    } finally {
      this.#bell.ring();
    }
  }

  async #answer(record: RecordedRequest, context: HandlerContext): Promise<EventsUnstructured> {
    const step = this.#script.shift();
    if (step?.kind === "hold") await step.gate.pass(context.signal);
    if (step?.kind === "hang") await hang(step, context.signal);
    if (step?.kind === "fail") await fail(step.failure, context.signal);
    const http = context.values.get(REQUEST);
    if (step?.kind === "reset") http?.stream.close(step.code);
    if (step?.kind === "drop" && http !== undefined) this.#listener.dropConnection(http);
    if (context.requestHeader.has("version")) {
      throw new ConnectError("client sends a version header", Code.FailedPrecondition);
    }
    const page = this.#readPage(record);
    return encodePage(step?.kind === "change" ? step.change(page) : page);
  }

  #readPage(query: PageQuery): LogPage {
    try {
      return this.#log.readPage(query);
    } catch (error) {
      if (!(error instanceof InvalidQueryError)) throw error;
      throw new ConnectError(error.message, Code.InvalidArgument);
    }
  }

  #record(request: GetUnstructuredEventsRequest, context: HandlerContext): RecordedRequest {
    const http = context.values.get(REQUEST);
    return {
      index: this.requests.length,
      startMs: parseTimestamp(request.startDate),
      endMs: parseTimestamp(request.endDate),
      eventTypes: [...request.eventTypes],
      limit: request.limit,
      startKey: request.startKey,
      order: request.order,
      namespace: request.namespace,
      headers: new Headers(context.requestHeader),
      connectionId: http === undefined ? 0 : this.#listener.connectionId(http),
      timeoutMs: context.timeoutMs(),
    };
  }

  #refuseUnknown(request: Http2ServerRequest, response: Http2ServerResponse): void {
    this.unknownCalls.push(request.url);
    request.resume();
    response.writeHead(200, {
      "content-type": "application/grpc",
      "grpc-status": String(Code.Unimplemented),
      "grpc-message": `unknown service ${request.url}`,
    });
    response.end();
  }
}

async function hang(step: Step & { kind: "hang" }, signal: AbortSignal): Promise<never> {
  step.reached();
  await new Gate().pass(signal);
  step.canceled();
  throw new ConnectError("gave up", Code.Canceled);
}

async function fail(failure: ScriptedFailure, signal: AbortSignal): Promise<never> {
  if (failure.afterMs !== undefined) {
    const gate = new Gate();
    const timer = setTimeout(() => gate.open(), failure.afterMs);
    await gate.pass(signal);
    clearTimeout(timer);
  }
  throw new ConnectError(failure.message ?? "scripted failure", failure.code);
}

/** Milliseconds since the epoch; not a number when there is no timestamp or it is malformed. */
function parseTimestamp(timestamp: Timestamp | undefined): number {
  if (timestamp === undefined || timestamp.nanos < 0 || timestamp.nanos > 999_999_999) return NaN;
  return Number(timestamp.seconds) * 1000 + timestamp.nanos / 1e6;
}

function encodePage(page: LogPage): EventsUnstructured {
  return create(EventsUnstructuredSchema, {
    items: page.items.map(({ event, body }) => ({
      type: event.type,
      id: event.id,
      time: timestampFromMs(event.timeMs),
      index: BigInt(event.index),
      unstructured: body,
    })),
    lastKey: page.lastKey,
  });
}
