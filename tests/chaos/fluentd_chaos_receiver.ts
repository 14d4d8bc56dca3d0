import { type Fluentd, startFluentd } from "../support/fluentd.ts";
import { peerPath } from "../support/peer.ts";
import type { ChaosReceiver, ReceiverJournal } from "./chaos_receiver.ts";
import { Healing } from "./healing.ts";
import type { ReceiverFault } from "./step.ts";

/**
 * Real Fluentd under chaos: it goes away and comes back, or stands still. The newest one, because the
 * oldest (1.12) answers nobody any more after a client has left within the handshake.
 */
export class FluentdChaosReceiver implements ChaosReceiver {
  readonly #fluentd: Fluentd;
  readonly #healing = new Healing();

  private constructor(fluentd: Fluentd) {
    this.#fluentd = fluentd;
  }

  static async start(folder: string): Promise<FluentdChaosReceiver> {
    await Deno.mkdir(folder, { recursive: true });
    const executable = peerPath("FLUENTD_NEWEST");
    return new FluentdChaosReceiver(await startFluentd({ executable, folder }));
  }

  get files() {
    return this.#fluentd.files;
  }

  url(path: string): string {
    return this.#fluentd.url(path);
  }

  async inject(fault: ReceiverFault): Promise<void> {
    switch (fault.kind) {
      case "away":
        await this.#healing.settled();
        await this.#fluentd.stop();
        return this.#healing.after(fault.forMs, () => this.#fluentd.start());
      case "pause":
        await this.#healing.settled();
        this.#fluentd.signal("SIGSTOP");
        return this.#healing.after(
          fault.forMs,
          () => this.#fluentd.signal("SIGCONT"),
        );
      default:
        throw new Error(`Fluentd cannot be given the fault '${fault.kind}'`);
    }
  }

  async heal(): Promise<void> {
    await this.#healing.settled();
  }

  async readJournal(): Promise<ReceiverJournal> {
    const records = await this.#fluentd.readRecordsByTag();
    const arrivals = [...records].flatMap(([tag, fields]) =>
      // The tag is the path with dots for slashes; session ids hold no dots.
      fields.map((fields) => ({ path: `/${tag}`, fields }))
    );
    return { arrivals, requests: undefined, violations: [] };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#healing.settled();
    await this.#fluentd[Symbol.asyncDispose]();
  }
}
