import { get } from "node:http";
import { formatAddress } from "../config/address_text.ts";
import type { HostPort } from "../config/config.ts";
import { Fault, formatError } from "../core/fault.ts";

/** As long as an orchestrator likes to wait; a handler that needs longer is not well. */
const TIMEOUT_MS = 3000;

/** What is read of an answer; ours are shorter. */
const MAX_ANSWER_BYTES = 16 * 1024;

/** What a probe says. */
export interface HealthAnswer {
  readonly status: number;
  readonly text: string;
}

/**
 * Asks a probe once. `fetch` would do, but for the proxies that it finds in the environment.
 *
 * @throws {Fault} of kind `unavailable` when there is no answer in time.
 */
export async function askHealth(address: HostPort, path: string): Promise<HealthAnswer> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  try {
    return await ask(address, path, signal);
  } catch (error) {
    const reason = signal.aborted ? `${TIMEOUT_MS / 1000} s have passed` : formatError(error);
    throw new Fault(
      "unavailable",
      `No answer from http://${formatAddress(address)}${path}: ${reason}`,
      { hint: "Is the handler running, with the same diagnostics-addr?", cause: error },
    );
  }
}

function ask({ host, port }: HostPort, path: string, signal: AbortSignal): Promise<HealthAnswer> {
  return new Promise((resolve, reject) => {
    const request = get({ host, port, path, signal, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
        if (text.length > MAX_ANSWER_BYTES) request.destroy(new Error("The answer is too long"));
      });
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    request.on("error", reject);
  });
}
