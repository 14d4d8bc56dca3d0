/** How to wait on a bell. */
export interface WaitOptions {
  /** Says what is waited for and how things stand; it becomes the message when time is up. */
  readonly what: () => string;
  /** Longest wait. @default {120000} */
  readonly timeoutMs?: number | undefined;
}

/** Longest wait of a test on anything, unless it says otherwise; other work may slow a machine down. */
export const DEFAULT_TIMEOUT_MS = 120_000;

/**
 * Wakes those who wait for a state: whoever changes the state rings, whoever waits looks again.
 * It replaces sleeping in tests.
 */
export class Bell {
  readonly #waiting = new Set<() => void>();

  /** Says that the state has changed. */
  ring(): void {
    for (const look of [...this.#waiting]) look();
  }

  /**
   * Resolves with the first value of `look` that is neither `undefined` nor `false`. Looks at once
   * and at every ring; rejects when time is up.
   */
  waitFor<T>(look: () => T | undefined | false, options: WaitOptions): Promise<T> {
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    return new Promise((resolve, reject) => {
      const tryAgain = () => {
        let found: T | undefined | false;
        try {
          found = look();
        } catch (error) {
          return finish(() => reject(error));
        }
        if (found !== undefined && found !== false) finish(() => resolve(found));
      };
      const finish = (settle: () => void) => {
        clearTimeout(timer);
        this.#waiting.delete(tryAgain);
        settle();
      };
      const timer = setTimeout(
        () =>
          finish(() => reject(new Error(`Waited ${timeoutMs} ms in vain for ${options.what()}`))),
        timeoutMs,
      );
      this.#waiting.add(tryAgain);
      tryAgain();
    });
  }
}

/** Passes `promise` on, or rejects with `what` when it takes longer than `timeoutMs`. */
export async function within<T>(promise: Promise<T>, options: WaitOptions): Promise<T> {
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  let timer: number | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new Error(`Waited ${timeoutMs} ms in vain for ${options.what()}`)),
      timeoutMs,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
