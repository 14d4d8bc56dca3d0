/**
 * Takes a picture of a page, as those in docs/images were taken of a running program:
 *
 *   scripts/denow run --allow-all scripts/screenshot.ts http://localhost:3000/ page.png dark
 *
 * `CHROMIUM` names the browser. `pngquant` makes what it writes small enough to keep.
 */
import { Chromium } from "../tests/support/chromium.ts";

const [url, path, scheme = "light"] = Deno.args;
if (url === undefined || path === undefined || (scheme !== "light" && scheme !== "dark")) {
  throw new TypeError("Usage: screenshot.ts URL FILE [light|dark]");
}
await using browser = await Chromium.start();
await using page = await browser.openPage({ width: 1120, scale: 1.5, scheme });
await page.goTo(url);
await Deno.writeFile(path, await page.screenshot());
