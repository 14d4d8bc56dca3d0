import { Backoff } from "../core/backoff.ts";
import { Fault } from "../core/fault.ts";
import type { Position } from "../core/position.ts";
import { type ForwardOptions, forwardStream } from "./forward_stream.ts";
import type { EventStream, Page, PositionStore, Retry, StreamPosition } from "./ports.ts";
import { waitForStore } from "./wait_for_store.ts";

/** As for `forwardStream`; the position is read from the store at each start. */
export interface SuperviseOptions extends Omit<ForwardOptions, "position"> {
  /** Where to begin when the store holds nothing for the stream. It is committed first. */
  readonly firstPosition: Position;
}

/**
 * Keeps a stream going: after a fault that may pass it is begun again from the committed position,
 * after a growing pause. Resolves when the stream has ended or `stop` was aborted; throws a fault that
 * waiting cannot heal.
 */
export async function superviseStream(options: SuperviseOptions): Promise<void> {
  const { clock, firstPosition, observer, stop, store, stream } = options;
  const backoff = new Backoff({ firstMs: 500 });
  let peer: Retry["peer"] = "source";
  const onPage = () => {
    if (backoff.failures === 0) return;
    observer.recovered(stream.id, peer, backoff.failures);
    backoff.reset();
  };
  while (!stop.aborted) {
    const position = await waitForStore(
      () => readOrBegin(store, { streamId: stream.id, position: firstPosition }),
      { ...options, streamId: stream.id },
    );
    if (position === undefined) return;
    try {
      await forwardStream({ ...options, position, stream: watchPages(stream, onPage) });
      return;
    } catch (error) {
      if (!(error instanceof Fault) || !error.transient) throw error;
      const lasting = error.kind === "denied" || error.kind === "unsupported";
      const delayMs = backoff.nextMs();
      const attempt = backoff.failures;
      peer = error.kind === "moved" ? "state" : "source";
      observer.retrying(
        { streamId: stream.id, peer, attempt, reason: error.text, delayMs, lasting },
      );
      await clock.sleep(delayMs, stop).catch(() => {});
    }
  }
}

async function readOrBegin(store: PositionStore, first: StreamPosition): Promise<Position> {
  const position = await store.read(first.streamId);
  if (position !== undefined) return position;
  await store.commit(first);
  return first.position;
}

/** The same stream, with a call at each page that arrives. */
function watchPages(stream: EventStream, onPage: () => void): EventStream {
  return {
    id: stream.id,
    async *read(position, signal): AsyncGenerator<Page> {
      for await (const page of stream.read(position, signal)) {
        onPage();
        yield page;
      }
    },
  };
}
