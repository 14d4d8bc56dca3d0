import { type FluentdFiles, writeFluentdFiles } from "../support/certificates.ts";
import { type FakeReceiver, startFakeReceiver } from "../support/fake_receiver.ts";
import type { ChaosReceiver, ReceiverJournal } from "./chaos_receiver.ts";
import { Healing } from "./healing.ts";
import { TIMEOUT_MS } from "./schedule.ts";
import type { ReceiverFault } from "./step.ts";

const NO_LIMIT = 32 * 1024 * 1024;

/** The fake receiver under chaos: it does whatever a receiver, a proxy or a network may do. */
export class FakeChaosReceiver implements ChaosReceiver {
  readonly files: FluentdFiles;
  readonly #receiver: FakeReceiver;
  readonly #healing = new Healing();

  private constructor(receiver: FakeReceiver, files: FluentdFiles) {
    this.#receiver = receiver;
    this.files = files;
  }

  static async start(folder: string, options: { keepBodies: boolean }): Promise<FakeChaosReceiver> {
    const receiver = await startFakeReceiver(options);
    return new FakeChaosReceiver(receiver, await writeFluentdFiles(folder));
  }

  url(path: string): string {
    return this.#receiver.url(path);
  }

  async inject(fault: ReceiverFault): Promise<void> {
    const receiver = this.#receiver;
    switch (fault.kind) {
      case "drop-connections":
        return receiver.dropConnections();
      case "away":
        await receiver.refuse();
        return this.#healing.after(fault.forMs, () => receiver.accept());
      case "reset":
        return receiver.answerNext({ reset: fault.at, body: "half" }, fault.times);
      case "hang":
        return receiver.answerNext({ hang: fault.at }, fault.times);
      case "slow":
        return receiver.answerNext({
          readAfterMs: fault.readMs,
          answerOverMs: fault.answerMs,
          body: "slowly",
        }, fault.times);
      case "status": {
        const { retryAfter, status, times } = fault;
        const headers: Record<string, string> = {};
        if (retryAfter !== undefined) headers["retry-after"] = String(retryAfter);
        if (status === 302) headers["location"] = "https://elsewhere.invalid/";
        return receiver.answerNext({ status, headers, body: "scripted" }, times);
      }
      case "partial":
        return receiver.answerNext({ status: 500, take: fault.take, body: "partly" }, fault.times);
      case "close":
        return receiver.answerNext({ headers: { connection: "close" } }, fault.times);
      case "too-large":
        receiver.limitBodySize(fault.maxBytes);
        return this.#healing.after(
          fault.forMs,
          () => receiver.limitBodySize(NO_LIMIT),
        );
      case "poison": {
        const { digit, status } = fault;
        const stop = receiver.rejectIf(
          (event) => String(event["uid"] ?? "").startsWith(digit),
          { status, body: `${status} poison` },
        );
        return this.#healing.after(fault.forMs, () => void stop());
      }
      case "pause":
        throw new Error("The fake receiver cannot stand still");
    }
  }

  async heal(): Promise<void> {
    await this.#healing.settled();
    this.#receiver.clearScript();
    this.#receiver.limitBodySize(NO_LIMIT);
    await this.#receiver.accept();
  }

  readJournal(): Promise<ReceiverJournal> {
    const { events, requests, violations } = this.#receiver;
    return Promise.resolve({ arrivals: events, requests, violations });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#healing.settled();
    await this.#receiver.close();
  }
}

/** Whether a client that waits for `TIMEOUT_MS` may have given up before the answer came. */
export function mayHaveGivenUp(
  request: { atMs: number; answeredAtMs?: number | undefined },
): boolean {
  return request.answeredAtMs === undefined ||
    request.answeredAtMs - request.atMs > 0.5 * TIMEOUT_MS;
}
