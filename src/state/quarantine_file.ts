import { Buffer } from "node:buffer";
import type { Clock } from "../core/clock.ts";
import { Fault, formatError } from "../core/fault.ts";
import type { Quarantine, RejectedEvent } from "../pipeline/ports.ts";

/**
 * Rejected events as JSON lines, one an event, on the disk before `put` returns.
 *
 * A line holds when and why the event was rejected, its stream, id, type and time, and the event as
 * it would have been sent (`event`) or, where it could not be made into JSON, its bytes as the server
 * sent them (`raw`, base64).
 */
export class QuarantineFile implements Quarantine {
  readonly #folder: string;
  readonly #clock: Clock;
  #tail: Promise<void> = Promise.resolve();

  constructor(options: { readonly folder: string; readonly clock: Clock }) {
    this.#folder = options.folder;
    this.#clock = options.clock;
  }

  /** Where the lines go. */
  get path(): string {
    return `${this.#folder}/events.jsonl`;
  }

  /** @throws {Fault} of kind `state`. */
  put(rejected: RejectedEvent): Promise<void> {
    const written = this.#tail.then(() => this.#append(formatLine(rejected, this.#clock.nowMs())));
    this.#tail = written.catch(() => {});
    return written;
  }

  async #append(line: Uint8Array): Promise<void> {
    try {
      await Deno.mkdir(this.#folder, { recursive: true, mode: 0o700 });
      using file = await Deno.open(this.path, {
        read: true,
        write: true,
        create: true,
        mode: 0o600,
      });
      const end = await file.seek(0, Deno.SeekMode.End);
      try {
        if (end > 0 && !await endsWithNewline(file)) await writeAll(file, new Uint8Array([0x0a]));
        await writeAll(file, line);
        await file.sync();
      } catch (error) {
        // A disk that filled up half-way leaves no half line behind.
        await file.truncate(end).catch(() => {});
        throw error;
      }
    } catch (error) {
      throw new Fault(
        "state",
        `Cannot write to the quarantine '${this.path}': ${formatError(error)}`,
        {
          hint: "The event is held back until there is room",
        },
      );
    }
  }
}

/** A crash in the middle of a line leaves one without an end; the next must not be glued to it. */
async function endsWithNewline(file: Deno.FsFile): Promise<boolean> {
  await file.seek(-1, Deno.SeekMode.End);
  const last = new Uint8Array(1);
  await file.read(last);
  return last[0] === 0x0a;
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
}

function formatLine({ event, reason, streamId }: RejectedEvent, nowMs: number): Uint8Array {
  const head = JSON.stringify({
    quarantinedAt: new Date(nowMs).toISOString(),
    stream: streamId,
    reason,
    id: event.id,
    type: event.type,
    time: formatTime(event.timeMs),
  });
  // The payload goes in as the bytes that it is.
  const payload = event.defect === undefined
    ? event.json
    : new TextEncoder().encode(`"${Buffer.from(event.defect.raw).toString("base64")}"`);
  const start = new TextEncoder().encode(
    `${head.slice(0, -1)},"${event.defect === undefined ? "event" : "raw"}":`,
  );
  const line = new Uint8Array(start.length + payload.length + 2);
  line.set(start);
  line.set(payload, start.length);
  line.set([0x7d, 0x0a], start.length + payload.length);
  return line;
}

/** A server may send a time that no calendar has; it is kept as the number that it is. */
function formatTime(timeMs: number): string | number {
  const time = new Date(timeMs);
  return isNaN(time.getTime()) ? timeMs : time.toISOString();
}
