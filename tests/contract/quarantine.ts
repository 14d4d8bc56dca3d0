/**
 * What every quarantine does, whatever it keeps the events in. The suite runs over files, over Deno KV
 * and over a KV Connect server.
 */
import assert from "node:assert/strict";
import { type AuditEvent, jsonOf } from "../../src/core/event.ts";
import { Fault } from "../../src/core/fault.ts";
import type { Quarantine } from "../../src/pipeline/ports.ts";
import type { QuarantineEntries } from "../../src/state/quarantine_entries.ts";
import type { QuarantineEntry } from "../../src/state/quarantine_line.ts";
import { makeEvent } from "../support/pipeline_ports.ts";

/** A quarantine of its own for one test, seen by who fills it and by who looks. */
export interface QuarantineSubject extends AsyncDisposable {
  /** Takes so many bytes in sum. */
  open(maxBytes: number): Quarantine;
  readonly entries: QuarantineEntries;
}

const PLENTY = 2 ** 30;

function reject(event: AuditEvent, reason = "no") {
  return { streamId: "log", event, reason };
}

function idOf({ content }: QuarantineEntry): string {
  return "id" in content ? content.id : content.defect;
}

async function readIds({ entries }: QuarantineSubject): Promise<string[]> {
  return (await Array.fromAsync(entries.read())).map(idOf);
}

/** An event with so many bytes of payload. */
function makeLarge(id: string, bytes: number): AuditEvent {
  const filler = "ü".repeat(Math.ceil(bytes / 2));
  return makeEvent(id, { json: `{"id":"${id}","filler":"${filler}"}` });
}

/** Registers the suite for one kind of quarantine; `register` where it needs a peer. */
export function testQuarantineContract(
  name: string,
  open: () => Promise<QuarantineSubject>,
  register: (name: string, fn: () => Promise<void>) => void = Deno.test,
): void {
  const test = (clause: string, fn: (subject: QuarantineSubject) => Promise<void>) =>
    register(`${name} ${clause}`, async () => {
      await using subject = await open();
      await fn(subject);
    });

  test("is empty at first", async (subject) => {
    assert.deepEqual(await subject.entries.measure(), { count: 0, bytes: 0 });
    assert.deepEqual(await readIds(subject), []);
    await subject.entries.takeOut(() => true);
  });

  test("gives back what was put, in that order, and its payload as the bytes that it was", async (subject) => {
    const quarantine = subject.open(PLENTY);
    const json = new TextEncoder().encode('{"b":1e2,"a":"ü \\u0000"}');
    await quarantine.put(reject(makeEvent("first", { json }), 'said "no"\n'));
    for (let i = 0; i < 40; i++) await quarantine.put(reject(makeEvent(`e${i}`)));
    const ids = ["first", ...Array.from({ length: 40 }, (_, i) => `e${i}`)];
    assert.deepEqual(await readIds(subject), ids);
    const [{ content }] = await Array.fromAsync(subject.entries.read()) as [QuarantineEntry];
    assert.ok("json" in content);
    assert.deepEqual(content.json, json);
    assert.equal(content.reason, 'said "no"\n');
    assert.equal((await subject.entries.measure()).count, 41);
  });

  test("keeps the bytes of an event that has no JSON", async (subject) => {
    const raw = Uint8Array.from({ length: 256 }, (_, i) => i);
    const event = { ...makeEvent("id", { json: "" }), defect: { reason: "broken", raw } };
    await subject.open(PLENTY).put(reject(event));
    const [entry] = await Array.fromAsync(subject.entries.read());
    const { raw: text } = JSON.parse(new TextDecoder().decode(entry!.line));
    assert.deepEqual(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)), raw);
  });

  for (const bytes of [61_000, 61_440, 130_000, 3_000_000]) {
    test(`gives back an event of ${bytes} bytes whole, and takes it out whole`, async (subject) => {
      const quarantine = subject.open(PLENTY);
      const large = makeLarge("large", bytes);
      await quarantine.put(reject(makeEvent("before")));
      await quarantine.put(reject(large));
      await quarantine.put(reject(makeEvent("after")));
      assert.deepEqual(await readIds(subject), ["before", "large", "after"]);
      const entry = (await Array.fromAsync(subject.entries.read()))[1]!;
      assert.ok("json" in entry.content);
      assert.deepEqual(entry.content.json, jsonOf(large));
      assert.ok((await subject.entries.measure()).bytes > bytes);
      await subject.entries.takeOut((entry) => idOf(entry) === "large");
      assert.deepEqual(await readIds(subject), ["before", "after"]);
      assert.ok((await subject.entries.measure()).bytes < 1000);
    });
  }

  test("takes events that come side by side", async (subject) => {
    const quarantine = subject.open(PLENTY);
    const ids = Array.from({ length: 20 }, (_, i) => `e${i}`);
    await Promise.all(ids.map((id) => quarantine.put(reject(makeEvent(id)))));
    assert.deepEqual(new Set(await readIds(subject)), new Set(ids));
    assert.equal((await subject.entries.measure()).count, 20);
  });

  test("takes out what is done, and counts what is left", async (subject) => {
    const quarantine = subject.open(PLENTY);
    for (let i = 0; i < 12; i++) await quarantine.put(reject(makeEvent(`e${i}`)));
    const looked: string[] = [];
    await subject.entries.takeOut(() => true, (entry) => {
      looked.push(idOf(entry));
      return looked.length % 2 === 0;
    });
    assert.deepEqual(looked, Array.from({ length: 12 }, (_, i) => `e${i}`));
    assert.deepEqual(await readIds(subject), ["e0", "e2", "e4", "e6", "e8", "e10"]);
    assert.equal((await subject.entries.measure()).count, 6);
  });

  test("takes out what was done before a failure, and leaves the rest", async (subject) => {
    const quarantine = subject.open(PLENTY);
    for (let i = 0; i < 5; i++) await quarantine.put(reject(makeEvent(`e${i}`)));
    const failing = subject.entries.takeOut(() => true, (entry) => {
      if (idOf(entry) === "e2") throw new Error("away");
      return Promise.resolve(true);
    });
    await assert.rejects(failing, { message: "away" });
    assert.deepEqual(await readIds(subject), ["e2", "e3", "e4"]);
  });

  test("takes no more than it may hold, says what to do, and goes on when there is room", async (subject) => {
    const quarantine = subject.open(1536);
    let count = 0;
    const fault = await (async () => {
      for (;; count++) await quarantine.put(reject(makeEvent(`e${count}`)));
    })().catch((error) => error);
    assert.ok(fault instanceof Fault && fault.kind === "state", `${fault}`);
    assert.match(fault.text, /is full: it holds 1\.\d KiB, and quarantine-max-size is 1\.5 KiB\. /);
    assert.match(fault.text, /run state quarantine replay --all, or drop/);
    assert.ok(count > 2, `${count}`);
    assert.ok((await subject.entries.measure()).bytes <= 1536);
    await subject.entries.takeOut((entry) => idOf(entry) === "e0");
    await quarantine.put(reject(makeEvent("again")));
    assert.equal((await readIds(subject)).at(-1), "again");
  });

  test("takes one event that is larger than it may hold, or none ever could be", async (subject) => {
    const quarantine = subject.open(1000);
    await quarantine.put(reject(makeLarge("huge", 5000)));
    await assert.rejects(quarantine.put(reject(makeEvent("next"))), /is full/);
    assert.deepEqual(await readIds(subject), ["huge"]);
  });

  test("holds the same event twice when it was rejected twice, each under a key of its own", async (subject) => {
    const quarantine = subject.open(PLENTY);
    await quarantine.put(reject(makeEvent("same"), "first"));
    await quarantine.put(reject(makeEvent("same"), "second"));
    const keys = (await Array.fromAsync(subject.entries.read())).map(({ key }) => key);
    assert.equal(new Set(keys).size, 2);
  });
}
