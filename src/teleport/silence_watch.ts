import type { Interceptor } from "@connectrpc/connect";
import type { Clock } from "../core/clock.ts";

/** When a call counts as silent, and who hears of it. */
export interface SilenceWatchOptions {
  /** Longest wait for an answer or a message of it, in milliseconds. */
  readonly silentMs: number;
  readonly clock: Clock;
  /** Told of a call that ended without a word for so long: its connection may be dead. */
  readonly onSilence: () => void;
}

/**
 * Tells of calls that fail after a silence. A connection that a firewall has forgotten, or whose other
 * end lost its power, stays open here for many minutes, and every call over it would be waited for in
 * vain. Pings would tell as well, but this runtime never hears their answers.
 */
export function watchSilence({ clock, onSilence, silentMs }: SilenceWatchOptions): Interceptor {
  return (next) => async (request) => {
    let waitingSinceMs = clock.monotonicMs();
    const judge = () => {
      // The time-out that ended the call began a moment before it.
      if (clock.monotonicMs() - waitingSinceMs >= 0.9 * silentMs) onSilence();
    };
    async function* listen<T>(messages: AsyncIterable<T>): AsyncGenerator<T> {
      try {
        waitingSinceMs = clock.monotonicMs();
        for await (const message of messages) {
          yield message;
          // What the reader did with the message is no silence of the server's.
          waitingSinceMs = clock.monotonicMs();
        }
      } catch (error) {
        judge();
        throw error;
      }
    }
    try {
      const response = await next(request);
      return response.stream ? { ...response, message: listen(response.message) } : response;
    } catch (error) {
      judge();
      throw error;
    }
  };
}
