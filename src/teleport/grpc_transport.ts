import {
  create,
  type DescMessage,
  type DescMethodStreaming,
  type DescMethodUnary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  createContextValues,
  type Interceptor,
  type StreamResponse,
  type Transport,
  type UnaryResponse,
} from "@connectrpc/connect";
import type { Clock } from "../core/clock.ts";
import type { AuthSessions } from "./auth_sessions.ts";
import { decodeMessage } from "./event_messages.ts";
import { GrpcCall } from "./grpc_call.ts";
import { releaseMemory } from "./release_memory.ts";

/** How calls are made. */
export interface GrpcTransportOptions {
  readonly sessions: AuthSessions;
  /** Longest time for a call that names none, and silence after which its connection may be dead. */
  readonly timeoutMs: number;
  /** Largest message that is taken. */
  readonly maxMessageBytes: number;
  /** Stands around each call with one answer. */
  readonly interceptor?: Interceptor | undefined;
  readonly clock: Clock;
}

/** How a call differs from others. */
export interface GrpcCallLimits {
  readonly signal?: AbortSignal | undefined;
  /** Longest time for the call, in milliseconds; 0 for ever. */
  readonly timeoutMs?: number | undefined;
  /** Whether the caller goes on where the call was cut. @default {false} */
  readonly mayBeCut?: boolean | undefined;
}

const NEVER = new AbortController().signal;

/**
 * Carries the calls of connect's clients over our own HTTP/2 connection. Nothing is compressed: a few
 * bytes that unpack to many are of no use to an honest server, which sends plain ones.
 *
 * A connection over which nothing came for `timeoutMs` until a call failed is replaced: one that a
 * firewall has forgotten stays open here for many minutes, and every call would wait in vain. Pings would
 * tell as well, but this runtime never hears their answers.
 */
export class GrpcTransport implements Transport {
  readonly #options: GrpcTransportOptions;

  constructor(options: GrpcTransportOptions) {
    this.#options = options;
  }

  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    _header: HeadersInit | undefined,
    input: MessageInitShape<I>,
  ): Promise<UnaryResponse<I, O>> {
    const { interceptor } = this.#options;
    const answer = async (): Promise<UnaryResponse<I, O>> => ({
      ...describe(method),
      stream: false,
      method,
      message: await this.#readOne(method, input, { signal, timeoutMs }),
    });
    if (interceptor === undefined) return await answer();
    const request = {
      ...describe(method),
      stream: false,
      method,
      requestMethod: "POST",
      url: pathOf(method),
      signal: signal ?? NEVER,
      contextValues: createContextValues(),
      message: create(method.input, input),
    } as const;
    return await interceptor(answer)(request) as UnaryResponse<I, O>;
  }

  /** For clients of connect; `readBatches` costs less. */
  async stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodStreaming<I, O>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    _header: HeadersInit | undefined,
    input: AsyncIterable<MessageInitShape<I>>,
  ): Promise<StreamResponse<I, O>> {
    const { value: request } = await input[Symbol.asyncIterator]().next();
    const batches = this.readBatches(method, request, { signal, timeoutMs });
    return { ...describe(method), stream: true, method, message: flatten(batches) };
  }

  /**
   * Calls a method that answers with a stream, and gives the messages as they come, some at a time.
   * What they hold in bytes is valid until the next ones are asked for.
   *
   * @throws {CallCutError} when nobody reads for some seconds and `mayBeCut` is set.
   */
  async *readBatches<I extends DescMessage, O extends DescMessage>(
    method: DescMethodStreaming<I, O>,
    request: MessageInitShape<I>,
    limits: GrpcCallLimits,
  ): AsyncGenerator<MessageShape<O>[]> {
    using call = this.#call(method, request, limits);
    for (let batch = await call.next(); batch !== undefined; batch = await call.next()) {
      const messages: MessageShape<O>[] = [];
      try {
        for (const bytes of batch) messages.push(decode(method.output, bytes));
      } catch (error) {
        yield messages;
        throw error;
      }
      yield messages;
      for (const bytes of batch) releaseMemory(bytes);
    }
  }

  async #readOne<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    limits: GrpcCallLimits,
  ): Promise<MessageShape<O>> {
    using call = this.#call(method, request, limits);
    const [bytes, ...others] = await call.next() ?? [];
    if (bytes === undefined) {
      throw new ConnectError("The answer has no message", Code.Unimplemented);
    }
    if (others.length > 0 || await call.next() !== undefined) {
      throw new ConnectError("The answer has more than one message", Code.Unimplemented);
    }
    return decode(method.output, bytes);
  }

  #call<I extends DescMessage>(
    method: DescMethodUnary<I> | DescMethodStreaming<I>,
    request: MessageInitShape<I>,
    { mayBeCut = false, signal, timeoutMs }: GrpcCallLimits,
  ): GrpcCall {
    const { clock, maxMessageBytes, sessions, timeoutMs: defaultTimeoutMs } = this.#options;
    return new GrpcCall(sessions, {
      path: pathOf(method),
      request: toBinary(method.input, create(method.input, request)),
      maxMessageBytes,
      timeoutMs: timeoutMs === 0 ? undefined : timeoutMs ?? defaultTimeoutMs,
      signal,
      mayBeCut,
      clock,
      onBroken: (silentMs) => {
        // The time-out that ended the call may have begun a moment before the silence.
        if (silentMs >= 0.9 * defaultTimeoutMs) sessions.renew();
      },
    });
  }
}

function pathOf({ name, parent }: DescMethodUnary | DescMethodStreaming): string {
  return `/${parent.typeName}/${name}`;
}

/** What connect wants to know of an answer besides its messages. */
function describe<I extends DescMessage, O extends DescMessage>(
  { parent }: DescMethodUnary<I, O> | DescMethodStreaming<I, O>,
) {
  return { service: parent, header: new Headers(), trailer: new Headers() };
}

function decode<O extends DescMessage>(schema: O, bytes: Uint8Array): MessageShape<O> {
  try {
    return decodeMessage(schema, bytes);
  } catch (error) {
    throw new ConnectError(
      "The answer is no message of its kind",
      Code.Internal,
      undefined,
      [],
      error,
    );
  }
}

async function* flatten<T>(batches: AsyncIterable<readonly T[]>): AsyncGenerator<T> {
  for await (const batch of batches) yield* batch;
}
