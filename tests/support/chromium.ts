/**
 * Runs a headless Chromium and looks at pages in it, over its DevTools protocol on a loopback port;
 * `CHROMIUM` names the executable. It reaches this machine alone, whatever a page asks for.
 */
import { peerPath } from "./peer.ts";
import { TestProcess } from "./process.ts";
import { type TemporaryFolder, temporaryFolder } from "./temporary_folder.ts";
import { BrowserPage, type BrowserPageOptions } from "./browser_page.ts";
import { DevTools } from "./dev_tools.ts";

const FLAGS = [
  "--headless",
  "--remote-debugging-port=0",
  // Its sandbox does not run as root, as containers do; the pages are our own.
  "--no-sandbox",
  // Containers have a small /dev/shm.
  "--disable-dev-shm-usage",
  "--disable-gpu",
  "--hide-scrollbars",
  "--force-color-profile=srgb",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--no-proxy-server",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

/** A running browser. */
export class Chromium implements AsyncDisposable {
  readonly #process: TestProcess;
  readonly #devTools: DevTools;
  readonly #folder: TemporaryFolder;

  private constructor(process: TestProcess, devTools: DevTools, folder: TemporaryFolder) {
    this.#process = process;
    this.#devTools = devTools;
    this.#folder = folder;
  }

  /** Starts a browser with nothing in its memory: `await using browser = await Chromium.start()`. */
  static async start(): Promise<Chromium> {
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(await temporaryFolder());
    const process = stack.use(
      new TestProcess({
        command: peerPath("CHROMIUM"),
        args: [...FLAGS, `--user-data-dir=${folder.path}`, "about:blank"],
        // Whatever it keeps beside the profile goes there too.
        env: { HOME: folder.path },
      }),
    );
    const line = await process.waitForLine(/^DevTools listening on ws:/);
    const devTools = await DevTools.connect(line.replace(/^.* (?=ws:)/, ""));
    stack.move();
    return new Chromium(process, devTools, folder);
  }

  /** Opens an empty page that shares nothing with others. */
  openPage(options: BrowserPageOptions = {}): Promise<BrowserPage> {
    return BrowserPage.open(this.#devTools, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      // A browser that is killed leaves its processes behind; told so, it ends with all of them.
      await this.#devTools.closeBrowser();
      await this.#process.waitForExit();
    } finally {
      await this.#process[Symbol.asyncDispose]();
      await this.#folder[Symbol.asyncDispose]();
    }
  }
}
