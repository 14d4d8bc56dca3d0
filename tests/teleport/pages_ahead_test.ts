import assert from "node:assert/strict";
import { type AskedPage, PagesAhead } from "../../src/teleport/pages_ahead.ts";

/** A server of pages that name the next one by its number, and the cursors that it was asked for. */
function openPages(count: number, failAt?: number) {
  const asked: string[] = [];
  const pages = new PagesAhead((cursor) => {
    const at = Number(cursor) + 1;
    asked.push(cursor);
    if (at === failAt) return Promise.reject(new Error(`No page ${at}`));
    return Promise.resolve(pageOf(at === count ? "" : String(at)));
  });
  return { asked, pages };
}

function pageOf(lastKey: string): AskedPage {
  return { page: { items: [], lastKey }, askedAtMs: 0 };
}

Deno.test("PagesAhead.take() gives each page once and in order, and asks for it once", async () => {
  const { asked, pages } = openPages(5);
  const keys: string[] = [];
  let cursor = "";
  do keys.push(cursor = (await pages.take(cursor)).page.lastKey); while (cursor !== "");
  assert.deepEqual(keys, ["1", "2", "3", "4", ""]);
  assert.deepEqual(asked, ["", "1", "2", "3", "4"]);
});

Deno.test("PagesAhead.take() asks for the next page before it gives one, but for the first", async () => {
  const { asked, pages } = openPages(3);
  await pages.take("");
  assert.deepEqual(asked, [""]);
  await pages.take("1");
  assert.deepEqual(asked, ["", "1", "2"]);
  await pages.take("2");
  assert.deepEqual(asked, ["", "1", "2"]);
});

Deno.test("PagesAhead.take() throws what asking for a page came to when that page is taken, and not before", async () => {
  const { pages } = openPages(5, 3);
  await pages.take("");
  assert.equal((await pages.take("1")).page.lastKey, "2");
  await assert.rejects(pages.take("2"), /No page 3/);
});

Deno.test("PagesAhead forgets a page that nobody takes, and its failure", async () => {
  const { pages } = openPages(5, 3);
  await pages.take("");
  // A failure that nobody hears of would end the test run.
  await pages.take("1");
});
