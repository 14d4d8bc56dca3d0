/**
 * A receiver for tests: HTTPS with mutual TLS, at least as strict as Fluentd, with a journal of what
 * came and scripted answers.
 *
 * Like Fluentd it gives out TLS session tickets and refuses every client that comes back with one
 * ("session id context uninitialized" in Fluentd's log, and in `handshakeErrors` here).
 */
import https from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import { gunzipSync } from "node:zlib";
import { Bell } from "./bell.ts";
import { type FluentdCertificates, fluentdCertificates } from "./certificates.ts";
import { Gate } from "./gate.ts";
import { parsePostedEvents, type ReceivedFields, RefusedBodyError } from "./posted_events.ts";
import { checkPostHead, readPostBody } from "./post_request.ts";
import { delay, type ScriptedAnswer, sendAnswer, untilGone } from "./scripted_answer.ts";
import { type Connection, TlsListener } from "./tls_listener.ts";

/** How to start the receiver. */
export interface FakeReceiverOptions {
  /** @default {those of the process} */
  readonly certificates?: FluentdCertificates;
  /** Idle connections are reset after this time. @default {10000} */
  readonly keepAliveTimeoutMs?: number;
  /** Longer bodies are answered with 413. @default {32 MiB} */
  readonly bodySizeLimit?: number;
  /** Whether requests keep their bodies; a test with very many may not want to. @default {true} */
  readonly keepBodies?: boolean;
}

/** One request, and what became of it. */
export interface RecordedPost {
  /** Place in the journal, from 0. */
  readonly index: number;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly connectionId: number;
  /** Common name of the client's certificate. */
  readonly client: string | undefined;
  /** Monotonic milliseconds when its head was read. */
  readonly atMs: number;
  /** Length of the body as it was sent; 0 until it is read. */
  bytes: number;
  /** The body as it was sent. */
  body?: Uint8Array;
  /** Its events, readable or not taken alike; empty until it is read. */
  events: readonly ReceivedFields[];
  /** How many of its events were taken. */
  taken: number;
  /** The status of the answer; undefined while there is none, and when it was cut. */
  status?: number;
  /** Monotonic milliseconds when all of the answer had been given to the system. */
  answeredAtMs?: number;
  /** Monotonic milliseconds when its connection was gone, if nothing else came over it. */
  closedAtMs?: number;
}

/** An event that the receiver has taken. */
export interface TakenEvent {
  readonly path: string;
  readonly fields: ReceivedFields;
  /** Index of the request that brought it. */
  readonly request: number;
}

/** A standing rule: requests that hold a matching event are refused whole. */
interface RejectRule {
  readonly predicate: (event: ReceivedFields) => boolean;
  readonly answer: ScriptedAnswer;
}

/** Starts the receiver on a free port of 127.0.0.1: `await using receiver = await …`. */
export async function startFakeReceiver(options: FakeReceiverOptions = {}): Promise<FakeReceiver> {
  return await FakeReceiver.start(options);
}

/** Of a body that is too large, as much comes before Fluentd has closed; its 413 is lost then. */
const HEARD_BYTES = 64 * 1024;

/** See the head of this file. */
export class FakeReceiver implements AsyncDisposable {
  readonly certificates: FluentdCertificates;
  /** All requests, in the order of their coming. */
  readonly requests: RecordedPost[] = [];
  /** All events taken, in the order of their taking. */
  readonly events: TakenEvent[] = [];
  /** What no sender may ever do, but did. A test of the program asserts that it is empty. */
  readonly violations: string[] = [];
  readonly #options: FakeReceiverOptions;
  readonly #bell = new Bell();
  readonly #script: ScriptedAnswer[] = [];
  readonly #gates = new Set<Gate>();
  readonly #rules = new Set<RejectRule>();
  readonly #idle = new Map<Connection, number>();
  readonly #shutdown = new AbortController();
  #bodySizeLimit: number;
  #listener!: TlsListener;

  private constructor(options: FakeReceiverOptions, certificates: FluentdCertificates) {
    this.#options = options;
    this.#bodySizeLimit = options.bodySizeLimit ?? 32 * 1024 * 1024;
    this.certificates = certificates;
  }

  /** Starts a receiver; `startFakeReceiver` is the short form. */
  static async start(options: FakeReceiverOptions): Promise<FakeReceiver> {
    const certificates = options.certificates ?? await fluentdCertificates();
    const receiver = new FakeReceiver(options, certificates);
    receiver.#listener = await TlsListener.open({
      server: certificates.server,
      clientAuthorityPem: certificates.authority.certificatePem,
      createServer: (tlsOptions) => receiver.#createServer(tlsOptions),
      refuseResumption: true,
      onConnection: (connection) => receiver.#restartIdleTimer(connection),
      onClose: (connection) => receiver.#hearClose(connection),
    });
    return receiver;
  }

  get port(): number {
    return this.#listener.port;
  }

  /** URL of a path on this receiver. */
  url(path = "/test.log"): string {
    return `https://localhost:${this.port}${path}`;
  }

  /** Connections made so far, those with failed handshakes among them. */
  get connections(): number {
    return this.#listener.connections;
  }

  get openConnections(): number {
    return this.#listener.openConnections;
  }

  /** Messages of failed TLS handshakes. */
  get handshakeErrors(): readonly string[] {
    return this.#listener.handshakeErrors;
  }

  /** Events taken on one path, in order; on all paths without one. */
  fieldsOf(path?: string): ReceivedFields[] {
    return this.events
      .filter((event) => path === undefined || event.path === path)
      .map((event) => event.fields);
  }

  /** Gives the next requests scripted answers, in the order in which these were given. */
  answerNext(answer: ScriptedAnswer, times = 1): void {
    for (const gate of [answer.gate, answer.answerGate]) {
      if (gate !== undefined) this.#gates.add(gate);
    }
    for (let i = 0; i < times; i++) this.#script.push(answer);
  }

  /** Drops the scripted answers that are left. */
  clearScript(): void {
    this.#script.length = 0;
  }

  /** Holds the next request at a gate, when it is read and before anything of it is taken. */
  holdNext(): Gate {
    const gate = new Gate();
    this.answerNext({ gate });
    return gate;
  }

  /** Refuses, from now on, every request that holds a matching event. Returns the way to stop it. */
  rejectIf(
    predicate: (event: ReceivedFields) => boolean,
    answer: ScriptedAnswer = { status: 400, body: "400 Bad Request\nscripted rejection" },
  ): () => void {
    const rule = { predicate, answer };
    this.#rules.add(rule);
    return () => this.#rules.delete(rule);
  }

  /** Answers, from now on, longer bodies with 413. */
  limitBodySize(bytes: number): void {
    this.#bodySizeLimit = bytes;
  }

  /** Resets every connection. */
  dropConnections(): void {
    this.#listener.drop();
  }

  /** Resets every connection and takes no new ones until `accept`. */
  async refuse(): Promise<void> {
    await this.#listener.refuse();
  }

  /** Takes connections again, on the same port. */
  async accept(): Promise<void> {
    await this.#listener.accept();
  }

  /** Resolves when at least `count` events were taken. */
  async waitForEvents(count: number, timeoutMs?: number): Promise<void> {
    await this.#bell.waitFor(() => this.events.length >= count, {
      what: () => `${count} events; ${this.#describe()}`,
      timeoutMs,
    });
  }

  /** Resolves when at least `count` requests have come. */
  async waitForRequests(count: number, timeoutMs?: number): Promise<void> {
    await this.#bell.waitFor(() => this.requests.length >= count, {
      what: () => `${count} requests; ${this.#describe()}`,
      timeoutMs,
    });
  }

  /** Resolves with the first request that matches, come already or yet to come. */
  async waitForRequest(
    predicate: (request: RecordedPost) => boolean,
    timeoutMs?: number,
  ): Promise<RecordedPost> {
    return await this.#bell.waitFor(() => this.requests.find(predicate), {
      what: () => `a certain request; ${this.#describe()}`,
      timeoutMs,
    });
  }

  /** Resolves when at most `count` connections are open. */
  async waitForOpenConnections(count: number, timeoutMs?: number): Promise<void> {
    await this.#listener.waitForOpenConnections(count, timeoutMs);
  }

  /**
   * Stops the receiver.
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

  #createServer(options: https.ServerOptions): https.Server {
    const server = https.createServer(options, (request, response) => {
      this.#handle(request, response).catch((error) => {
        if (request.destroyed || response.destroyed) return;
        this.violations.push(`receiver failed: ${error}`);
        response.writeHead(500).end(String(error));
      });
    });
    // The idle time-out is our own: Fluentd resets where Node's server closes.
    server.keepAliveTimeout = 0;
    server.on("clientError", () => {});
    server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => {
      if (Number(request.headers["content-length"]) < this.#bodySizeLimit) response.writeContinue();
      else response.writeHead(413, { connection: "close", "content-length": 9 }).end("Too large");
    });
    return server;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const connection = this.#listener.find(request.socket);
    if (connection !== undefined) this.#stopIdleTimer(connection);
    request.on("error", () => {});
    response.on("error", () => {});
    const post = this.#record(request, connection);
    const step = this.#script.shift();
    if (step?.reset === "before-reading") return void connection?.socket.resetAndDestroy();
    if (step?.readAfterMs !== undefined) await delay(step.readAfterMs, connection?.socket);
    const body = await readPostBody(request, this.#bodySizeLimit);
    post.bytes = body?.length ?? Number(request.headers["content-length"] ?? 0);
    if (body === undefined && post.bytes > HEARD_BYTES) {
      return void connection?.socket.resetAndDestroy();
    }
    if (body !== undefined && this.#options.keepBodies !== false) post.body = body;
    const answer: ScriptedAnswer = body === undefined
      ? { status: 413, headers: { connection: "close" }, body: "413 Request Entity Too Large\n" }
      : this.#judge(request, post, body) ?? step ?? this.#findRejection(post) ?? {};
    await answer.gate?.pass(this.#shutdown.signal);
    if (answer.hang === "before-taking") return await this.#hang(connection);
    this.#take(post, answer);
    if (answer.hang === "before-answering") return await this.#hang(connection);
    await answer.answerGate?.pass(this.#shutdown.signal);
    if (answer.reset === "before-answering") return void connection?.socket.resetAndDestroy();
    if (await sendAnswer(response, answer, connection?.socket)) {
      post.status = answer.status ?? 200;
      post.answeredAtMs = performance.now();
      this.#bell.ring();
    }
    if (connection !== undefined) this.#restartIdleTimer(connection);
  }

  #hearClose(connection: Connection): void {
    this.#stopIdleTimer(connection);
    const last = this.requests.findLast(({ connectionId }) => connectionId === connection.id);
    if (last !== undefined) last.closedAtMs = performance.now();
  }

  #hang(connection: Connection | undefined): Promise<void> {
    return untilGone(connection?.socket, this.#shutdown.signal);
  }

  #record(request: IncomingMessage, connection: Connection | undefined): RecordedPost {
    const socket = request.socket as unknown as {
      getPeerCertificate(): { subject?: { CN?: string } } | undefined;
    };
    const post: RecordedPost = {
      index: this.requests.length,
      path: request.url ?? "",
      headers: request.headers,
      connectionId: connection?.id ?? 0,
      client: socket.getPeerCertificate()?.subject?.CN,
      atMs: performance.now(),
      bytes: 0,
      events: [],
      taken: 0,
    };
    this.requests.push(post);
    this.#bell.ring();
    return post;
  }

  /** Reads the events into `post`; returns an answer when the request cannot be taken at all. */
  #judge(
    request: IncomingMessage,
    post: RecordedPost,
    body: Uint8Array,
  ): ScriptedAnswer | undefined {
    try {
      checkPostHead(request);
      const encoding = request.headers["content-encoding"];
      post.events = parsePostedEvents(encoding === "gzip" ? gunzipSync(body) : body);
      return undefined;
    } catch (error) {
      const reason = (error as Error).message;
      if (!(error instanceof RefusedBodyError) || error.violation) {
        this.violations.push(`${request.method} ${post.path}: ${reason}`);
      }
      return { status: 400, body: `400 Bad Request\n${reason}\n` };
    }
  }

  #findRejection(post: RecordedPost): ScriptedAnswer | undefined {
    return [...this.#rules].find(({ predicate }) => post.events.some(predicate))?.answer;
  }

  #take(post: RecordedPost, answer: ScriptedAnswer): void {
    const status = answer.status ?? 200;
    const all = status >= 200 && status < 300 ? post.events.length : 0;
    const taken = post.events.slice(0, answer.take ?? all);
    post.taken = taken.length;
    for (const fields of taken) this.events.push({ path: post.path, fields, request: post.index });
    this.#bell.ring();
  }

  #restartIdleTimer(connection: Connection): void {
    this.#stopIdleTimer(connection);
    if (connection.socket.destroyed) return;
    const timer = setTimeout(() => {
      this.#idle.delete(connection);
      connection.socket.resetAndDestroy();
    }, this.#options.keepAliveTimeoutMs ?? 10_000);
    this.#idle.set(connection, timer as unknown as number);
  }

  #stopIdleTimer(connection: Connection): void {
    clearTimeout(this.#idle.get(connection));
    this.#idle.delete(connection);
  }

  #describe(): string {
    const last = this.requests.at(-1);
    return `${this.events.length} events came in ${this.requests.length} requests over ` +
      `${this.connections} connections, last answer ${last?.status ?? "none"}, ` +
      `violations: ${this.violations.join("; ") || "none"}, ` +
      `failed handshakes: ${this.handshakeErrors.join("; ") || "none"}`;
  }
}
