import assert from "node:assert/strict";
import { Code, ConnectError } from "@connectrpc/connect";
import { Fault } from "../../src/core/fault.ts";
import {
  type ChunkListOptions,
  listChunks,
  probeBulkExport,
} from "../../src/teleport/chunk_list.ts";
import { FakeClock } from "../support/fake_clock.ts";

/** A server with the given chunks of each date; it fails where there is an error in their place. */
function makeOptions(answer: readonly string[] | ConnectError) {
  const dates: string[] = [];
  const signals: AbortSignal[] = [];
  const clock = new FakeClock(Date.UTC(2026, 11, 30, 23, 59));
  const auditLog = {
    async *getEventExportChunks(
      { date }: { date: { seconds: bigint; nanos: number } },
      { signal }: { signal: AbortSignal },
    ) {
      dates.push(new Date(Number(date.seconds) * 1000 + date.nanos / 1e6).toISOString());
      signals.push(signal);
      await Promise.resolve();
      if (signal.aborted) throw new ConnectError("canceled", Code.Canceled);
      if (answer instanceof ConnectError) throw answer;
      for (const chunk of answer) yield { chunk };
    },
  };
  const options = { auditLog, clock } as unknown as ChunkListOptions;
  return { options, dates, signals, clock };
}

const NEVER = new AbortController().signal;

Deno.test("listChunks() asks for the whole UTC date, returns its chunks as they come, and leaves no call open", async () => {
  const { options, dates, signals, clock } = makeOptions(["b", "a", "", "a"]);
  assert.deepEqual(await listChunks(options, "2026-01-31", NEVER), ["b", "a", "", "a"]);
  assert.deepEqual(dates, ["2026-01-31T00:00:00.000Z"]);
  assert.equal(signals[0]!.aborted, true);
  assert.equal(clock.sleeping, 0);
});

Deno.test("listChunks() returns nothing for a date without chunks", async () => {
  assert.deepEqual(await listChunks(makeOptions([]).options, "2026-01-31", NEVER), []);
});

Deno.test("listChunks() throws a fault that names the date", async () => {
  const { options, clock } = makeOptions(new ConnectError("away", Code.Unavailable));
  await assert.rejects(
    listChunks(options, "2026-01-31", NEVER),
    (error) => error instanceof Fault && /list the chunks of 2026-01-31: away/.test(error.message),
  );
  assert.equal(clock.sleeping, 0);
});

Deno.test("listChunks() does not take a list without an end", async () => {
  const { options } = makeOptions(Array<string>(100_001).fill("x"));
  await assert.rejects(
    listChunks(options, "2026-01-31", NEVER),
    (error) => error instanceof Fault && error.kind === "protocol" && /more than/.test(error.text),
  );
});

Deno.test("listChunks() throws the reason of its signal", async () => {
  const reason = new Error("stopped");
  await assert.rejects(
    listChunks(makeOptions([]).options, "2026-01-31", AbortSignal.abort(reason)),
    (error) => error === reason,
  );
});

Deno.test("probeBulkExport() asks for the day after tomorrow, across the end of a year", async () => {
  const { options, dates } = makeOptions([]);
  assert.equal(await probeBulkExport(options, NEVER), true);
  assert.deepEqual(dates, ["2027-01-01T00:00:00.000Z"]);
});

Deno.test("probeBulkExport() says no when the server does not know the call", async () => {
  const { options } = makeOptions(new ConnectError("unknown method", Code.Unimplemented));
  assert.equal(await probeBulkExport(options, NEVER), false);
});

for (const code of [Code.Unavailable, Code.PermissionDenied, Code.NotFound, Code.Unknown]) {
  Deno.test(`probeBulkExport() does not take ${Code[code]} for an answer`, async () => {
    await assert.rejects(
      probeBulkExport(makeOptions(new ConnectError("no", code)).options, NEVER),
      (error) => error instanceof Fault && error.kind !== "unsupported",
    );
  });
}
