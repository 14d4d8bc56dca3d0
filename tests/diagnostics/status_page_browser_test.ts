import assert from "node:assert/strict";
import axe from "axe-core";
import type { BrowserPage, BrowserPageOptions } from "../support/browser_page.ts";
import { Chromium } from "../support/chromium.ts";
import { peerTest } from "../support/peer.ts";
import { serveStatusPage, type StatusPageServer } from "./status_page_server.ts";
import { busyRun, sampleRun, troubledRun } from "./status_samples.ts";
import type { RunSnapshot } from "../../src/diagnostics/run_snapshot.ts";

const RUNS = { healthy: sampleRun, busy: busyRun, troubled: troubledRun, "long-winded": longRun };

/** Names that are longer than any window, without a place to break them. */
function longRun(): RunSnapshot {
  const run = troubledRun();
  const long = "x".repeat(300);
  return {
    ...run,
    teleport: `${long}:443`,
    logUrl: `https://${long}/${long}`,
    sessionUrl: `https://${long}/session`,
    storage: `/${long}`,
    lastEvent: { type: long, id: long, timeMs: run.nowMs },
    troubles: run.troubles.map((trouble) => ({ ...trouble, streamId: long, reason: long })),
    credentials: run.credentials.map((credential) => ({
      ...credential,
      path: long,
      subject: long,
      problem: long,
    })),
    events: { ...run.events, log: { ...run.events.log, delivered: Number.MAX_SAFE_INTEGER } },
    deliveredPerMinute: Array(60).fill(123_456_789),
  };
}

/** A browser that shows the status page of a run. */
async function show(
  run: RunSnapshot,
  options: BrowserPageOptions = {},
): Promise<AsyncDisposable & { readonly page: BrowserPage; readonly server: StatusPageServer }> {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(serveStatusPage(run));
  const browser = stack.use(await Chromium.start());
  const page = stack.use(await browser.openPage(options));
  await page.goTo(server.url);
  const held = stack.move();
  return { page, server, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

function browserTest(name: string, fn: () => Promise<void>): void {
  peerTest(name, { needs: ["CHROMIUM"] }, fn);
}

/** Has the page look at once, as it does when it comes into sight; it would in two seconds. */
const LOOK = `document.dispatchEvent(new Event("visibilitychange"))`;
const TEXT_OF_MAIN = `document.querySelector("main").innerText`;

browserTest("The status page says the same with scripts and without", async () => {
  await using withScripts = await show(sampleRun());
  await using without = await show(sampleRun(), { scripts: false });
  const text = await without.page.evaluate<string>(TEXT_OF_MAIN);
  assert.match(text, /Up to date/);
  assert.equal(await withScripts.page.evaluate(TEXT_OF_MAIN), text);
  assert.match(await without.page.evaluate("document.body.innerText"), /Reload for newer\sfigures/);
});

browserTest(
  "The status page asks nobody but the server that it came from, and has no errors",
  async () => {
    await using shown = await show(troubledRun());
    const { page, server } = shown;
    server.run = sampleRun();
    await page.waitFor(`document.querySelector("h1").innerText === "Up to date"`);
    assert.ok(page.requests.length >= 2);
    const strangers = page.requests.filter((url) => url !== server.url && !url.startsWith("data:"));
    assert.deepEqual(strangers, []);
    assert.deepEqual(page.errors, []);
  },
);

browserTest(
  "The status page follows the run in place: what is open and focused stays so",
  async () => {
    await using shown = await show(sampleRun());
    const { page, server } = shown;
    await page.evaluate(`(() => {
    window.table = document.querySelector("details");
    window.table.open = true;
    window.table.querySelector("summary").focus();
  })()`);
    server.run = troubledRun({ deliveredPerMinute: Array(60).fill(7) });
    await page.evaluate(LOOK);
    await page.waitFor(`document.querySelector("h1").innerText === "Waiting for Fluentd"`);
    assert.match(await page.evaluate("document.title"), /^Waiting for Fluentd · /);
    assert.match(await page.evaluate("window.table.innerText"), /0 to 5 minutes ago\s+35/);
    assert.equal(await page.evaluate(`window.table.open && window.table.isConnected`), true);
    assert.equal(
      await page.evaluate(`document.activeElement === window.table.querySelector("summary")`),
      true,
    );
  },
);

browserTest(
  "The status page says that the handler stopped answering, and goes on when it answers",
  async () => {
    await using shown = await show(sampleRun());
    const { page, server } = shown;
    const port = Number(new URL(server.url).port);
    await server[Symbol.asyncDispose]();
    await page.waitFor(`document.body.innerText.includes("has not answered since")`);
    assert.match(await page.evaluate("document.title"), /^No answer/);
    await using _again = serveStatusPage(busyRun(), port);
    await page.waitFor(`!document.body.innerText.includes("has not answered since")`);
    assert.equal(await page.evaluate(`document.querySelector("h1").innerText`), "Catching up");
  },
);

browserTest("The status page loads itself anew when another version answers", async () => {
  await using shown = await show(sampleRun());
  const { page, server } = shown;
  await page.evaluate("window.isOld = true");
  server.run = sampleRun({ version: "9.9.9" });
  const loaded = page.waitForLoad();
  await page.evaluate(LOOK);
  await loaded;
  assert.equal(await page.evaluate("window.isOld"), undefined);
  assert.equal(await page.evaluate("document.documentElement.dataset.version"), "9.9.9");
});

browserTest("What a peer says is shown as text, and nothing of it is run", async () => {
  const reason = `<img src=x onerror="window.ran=1"><script>window.ran=1</script>`;
  const run = troubledRun();
  const troubles = run.troubles.map((trouble) => ({ ...trouble, reason }));
  await using shown = await show({
    ...run,
    troubles,
    lastEvent: { type: reason, id: reason, timeMs: NaN },
  });
  assert.ok((await shown.page.evaluate<string>(TEXT_OF_MAIN)).includes(reason));
  assert.equal(await shown.page.evaluate("window.ran"), undefined);
  assert.equal(
    await shown.page.evaluate(`document.querySelectorAll("img, main script").length`),
    0,
  );
});

browserTest(
  "The status page takes the keyboard through its table and its links, in sight",
  async () => {
    await using shown = await show(sampleRun());
    const { page } = shown;
    const stops: string[] = [];
    for (let stop = 0; stop < 4; stop++) {
      await page.pressTab();
      stops.push(await page.evaluate(`document.activeElement.innerText`));
      const outline = `getComputedStyle(document.activeElement).outlineStyle`;
      assert.equal(await page.evaluate(outline), "solid");
    }
    assert.deepEqual(stops, ["As a table", "status.json", "metrics", "readyz"]);
  },
);

/** What axe finds to object to, everything unfolded. */
async function findViolations(page: BrowserPage): Promise<string[]> {
  await page.evaluate(axe.source);
  await page.evaluate(`document.querySelector("details").open = true`);
  return await page.evaluate(`axe.run({ resultTypes: ["violations"] }).then(({ violations }) =>
    violations.map(({ id, nodes }) => id + " " + nodes.map(({ html }) => html).join(" ")))`);
}

for (const [name, run] of Object.entries(RUNS)) {
  browserTest(
    `The status page of a ${name} run fits small and large windows, light and dark, by the rules of axe`,
    async () => {
      await using stack = new AsyncDisposableStack();
      const server = stack.use(serveStatusPage(run()));
      const browser = stack.use(await Chromium.start());
      for (const [width, scheme] of [[320, "dark"], [390, "light"], [1280, "dark"]] as const) {
        await using page = await browser.openPage({ width, scheme });
        await page.goTo(server.url);
        const widths = "[document.documentElement.scrollWidth, innerWidth]";
        assert.deepEqual(await page.evaluate(widths), [width, width]);
        const ground = await page.evaluate(`getComputedStyle(document.body).backgroundColor`);
        assert.equal(ground, scheme === "light" ? "rgb(245, 245, 248)" : "rgb(18, 17, 24)");
        if (width === 320 || name === "long-winded") continue;
        assert.deepEqual(await findViolations(page), [], `${scheme}, ${width}`);
      }
    },
  );
}
