/** What the browser says unasked. */
export interface DevToolsEvent {
  readonly method: string;
  readonly params: Record<string, unknown>;
  readonly sessionId?: string;
}

interface Waiting {
  readonly method: string;
  readonly resolve: (result: Record<string, unknown>) => void;
  readonly reject: (error: Error) => void;
}

/** A connection to a browser in its DevTools protocol: commands with answers, and events. */
export class DevTools {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Set<(event: DevToolsEvent) => void>();
  readonly #closed = Promise.withResolvers<void>();
  #lastId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    socket.onclose = () => {
      for (const { method, reject } of this.#waiting.values()) {
        reject(new Error(`Chromium went away before it answered ${method}`));
      }
      this.#waiting.clear();
      this.#closed.resolve();
    };
  }

  /** Connects to the address that the browser prints when it starts. */
  static connect(url: string): Promise<DevTools> {
    const socket = new WebSocket(url);
    const devTools = new DevTools(socket);
    return new Promise((resolve, reject) => {
      socket.onopen = () => resolve(devTools);
      socket.onerror = () => reject(new Error(`Cannot connect to Chromium at ${url}`));
    });
  }

  /** Sends a command and resolves with its result; to a page where `sessionId` is given. */
  send(
    method: string,
    params: Record<string, unknown> = {},
    sessionId?: string,
  ): Promise<Record<string, unknown>> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { method, resolve, reject });
      this.#socket.send(JSON.stringify({ id, method, params, sessionId }));
    });
  }

  /** Calls `listener` at every event, until the result is called. */
  listen(listener: (event: DevToolsEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Ends the browser; it need not answer that. */
  async closeBrowser(): Promise<void> {
    this.send("Browser.close").catch(() => {});
    await this.#closed.promise;
  }

  #receive(
    message: DevToolsEvent & {
      readonly id?: number;
      readonly result?: Record<string, unknown>;
      readonly error?: { readonly message: string };
    },
  ): void {
    if (message.id === undefined) {
      for (const listener of [...this.#listeners]) listener(message);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.error === undefined) waiting?.resolve(message.result ?? {});
    else waiting?.reject(new Error(`Chromium refuses ${waiting.method}: ${message.error.message}`));
  }
}
