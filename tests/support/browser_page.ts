import { Bell, DEFAULT_TIMEOUT_MS } from "./bell.ts";
import type { DevTools, DevToolsEvent } from "./dev_tools.ts";

/** How a page is looked at. */
export interface BrowserPageOptions {
  /** Width of the window, in CSS pixels. @default {1280} */
  readonly width?: number;
  /** @default {800} */
  readonly height?: number;
  /** Pixels of the screen for each of CSS. @default {1} */
  readonly scale?: number;
  /** What the reader's system prefers. @default {"light"} */
  readonly scheme?: "light" | "dark";
  /** Whether scripts run. @default {true} */
  readonly scripts?: boolean;
}

/** A page in a browser, with what it asked for and complained of. */
export class BrowserPage implements AsyncDisposable {
  /** Addresses of all requests, in their order. */
  readonly requests: string[] = [];
  /** What would be red in the console: exceptions, refusals, failed requests. */
  readonly errors: string[] = [];
  readonly #devTools: DevTools;
  readonly #sessionId: string;
  readonly #contextId: string;
  readonly #bell = new Bell();
  readonly #stopListening: () => void;
  #loadCount = 0;

  private constructor(devTools: DevTools, ids: { sessionId: string; contextId: string }) {
    this.#devTools = devTools;
    this.#sessionId = ids.sessionId;
    this.#contextId = ids.contextId;
    this.#stopListening = devTools.listen((event) => this.#hear(event));
  }

  /** Opens an empty page with storage of its own. */
  static async open(devTools: DevTools, options: BrowserPageOptions): Promise<BrowserPage> {
    const { browserContextId } = await devTools.send("Target.createBrowserContext");
    const { targetId } = await devTools.send("Target.createTarget", {
      url: "about:blank",
      browserContextId,
    });
    const { sessionId } = await devTools.send("Target.attachToTarget", { targetId, flatten: true });
    const page = new BrowserPage(devTools, {
      sessionId: sessionId as string,
      contextId: browserContextId as string,
    });
    const { height = 800, scale = 1, scheme = "light", scripts = true, width = 1280 } = options;
    for (const domain of ["Page", "Runtime", "Network", "Log"]) {
      await page.#send(`${domain}.enable`);
    }
    await page.#send("Emulation.setDeviceMetricsOverride", {
      width,
      height,
      deviceScaleFactor: scale,
      mobile: false,
    });
    await page.#send("Emulation.setEmulatedMedia", {
      features: [{ name: "prefers-color-scheme", value: scheme }],
    });
    await page.#send("Emulation.setScriptExecutionDisabled", { value: !scripts });
    return page;
  }

  /** Goes to an address and waits until it is loaded. */
  async goTo(url: string): Promise<void> {
    const loaded = this.waitForLoad();
    loaded.catch(() => {});
    const { errorText } = await this.#send("Page.navigate", { url });
    if (errorText !== undefined) throw new Error(`Cannot go to ${url}: ${errorText}`);
    await loaded;
  }

  /** Resolves when a document was loaded from now on. */
  async waitForLoad(): Promise<void> {
    const before = this.#loadCount;
    await this.#bell.waitFor(() => this.#loadCount > before, { what: () => "a page to load" });
  }

  /** The value of an expression of JavaScript in the page; a promise is waited for. */
  async evaluate<T>(expression: string): Promise<T> {
    const { exceptionDetails, result } = await this.#send("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
    }) as {
      readonly result: { readonly value: T };
      readonly exceptionDetails?: { readonly text: string; readonly exception?: unknown };
    };
    if (exceptionDetails !== undefined) {
      throw new Error(`Cannot evaluate ${expression}: ${JSON.stringify(exceptionDetails)}`);
    }
    return result.value;
  }

  /** Resolves when the expression is true; looks again at every change of the document. */
  async waitFor(expression: string, timeoutMs: number = DEFAULT_TIMEOUT_MS): Promise<void> {
    const isTrue = await this.evaluate<boolean>(`new Promise((resolve) => {
      const look = () => {
        if (!(${expression})) return;
        observer.disconnect();
        clearTimeout(timer);
        resolve(true);
      };
      const observer = new MutationObserver(look);
      const everything = { subtree: true, childList: true, attributes: true, characterData: true };
      observer.observe(document, everything);
      const timer = setTimeout(() => {
        observer.disconnect();
        resolve(false);
      }, ${timeoutMs});
      look();
    })`);
    if (isTrue) return;
    const text = await this.evaluate<string>("document.body.innerText");
    throw new Error(`Waited ${timeoutMs} ms in vain for ${expression} in:\n${text}`);
  }

  /** Presses and releases the key that goes to the next thing that takes the keyboard. */
  async pressTab(): Promise<void> {
    const key = { key: "Tab", code: "Tab", windowsVirtualKeyCode: 9 };
    await this.#send("Input.dispatchKeyEvent", { type: "keyDown", ...key });
    await this.#send("Input.dispatchKeyEvent", { type: "keyUp", ...key });
  }

  /** The whole page as a PNG, however long it is. */
  async screenshot(): Promise<Uint8Array> {
    const { data } = await this.#send("Page.captureScreenshot", { captureBeyondViewport: true });
    return Uint8Array.fromBase64(data as string);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopListening();
    await this.#devTools.send("Target.disposeBrowserContext", {
      browserContextId: this.#contextId,
    });
  }

  #send(method: string, params: Record<string, unknown> = {}) {
    return this.#devTools.send(method, params, this.#sessionId);
  }

  #hear({ method, params, sessionId }: DevToolsEvent): void {
    if (sessionId !== this.#sessionId) return;
    if (method === "Page.loadEventFired") this.#loadCount++;
    if (method === "Network.requestWillBeSent") {
      this.requests.push((params["request"] as { url: string }).url);
    }
    if (method === "Runtime.exceptionThrown") this.errors.push(JSON.stringify(params));
    if (method === "Runtime.consoleAPICalled" && params["type"] === "error") {
      this.errors.push(JSON.stringify(params["args"]));
    }
    if (method === "Log.entryAdded") {
      const entry = params["entry"] as { level: string; text: string; url?: string };
      if (entry.level === "error") this.errors.push(`${entry.text} ${entry.url ?? ""}`.trim());
    }
    this.#bell.ring();
  }
}
