import assert from "node:assert/strict";
import { STATUS_PAGE_POLICY } from "../../src/diagnostics/status_page.ts";
import { createStatusRoutes } from "../../src/diagnostics/status_routes.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { busyRun, SAMPLE_NOW_MS, sampleRun } from "./status_samples.ts";

Deno.test("createStatusRoutes() answers / with the page, under its own policy", async () => {
  const routes = createStatusRoutes(() => sampleRun(), new FakeClock());
  const response = await routes["/"]!(new Request("http://127.0.0.1/"));
  assert.equal(response.headers.get("content-type"), "text/html; charset=utf-8");
  assert.equal(response.headers.get("content-security-policy"), STATUS_PAGE_POLICY);
  assert.match(await response.text(), /^<!DOCTYPE html>\n<html lang="en" data-version="1\.2\.3">/);
});

Deno.test("createStatusRoutes() answers /status.json with the run, its conditions, and the pace from the second look on", async () => {
  const clock = new FakeClock();
  let run = busyRun();
  const routes = createStatusRoutes(() => run, clock);
  const ask = async () => {
    const response = await routes["/status.json"]!(new Request("http://127.0.0.1/status.json"));
    assert.equal(response.headers.get("content-type"), "application/json; charset=utf-8");
    return await response.json();
  };
  const first = await ask();
  assert.equal(first.teleport, run.teleport);
  assert.deepEqual(first.conditions[0], { name: "running" });
  assert.equal(first.progress.perSecond, undefined);
  const { log } = run.events;
  run = busyRun({ events: { ...run.events, log: { ...log, delivered: log.delivered + 5000 } } });
  await clock.advance(2000);
  assert.equal((await ask()).progress.perSecond, 2500);
});

Deno.test("createStatusRoutes() has no progress to tell of a run without a backlog", async () => {
  const routes = createStatusRoutes(() => sampleRun({ nowMs: SAMPLE_NOW_MS }), new FakeClock());
  const response = await routes["/status.json"]!(new Request("http://127.0.0.1/status.json"));
  assert.equal("progress" in await response.json(), false);
});
