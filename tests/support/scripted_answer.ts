/** What the fake receiver may be told to do with a request, and how the answer to it is sent. */
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Gate } from "./gate.ts";

/** What to do with a request in place of taking it and answering 200. */
export interface ScriptedAnswer {
  /** @default {200} */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** How many of its events are taken. @default {all for a status of 2xx, otherwise none} */
  readonly take?: number;
  /** Waits so long before the body is read, in milliseconds. @default {0} */
  readonly readAfterMs?: number;
  /** Waits here when the body is read and before anything is taken. */
  readonly gate?: Gate;
  /** Waits here when events are taken and before the answer. */
  readonly answerGate?: Gate;
  /** Sends the answer in pieces over so long a time, in milliseconds. @default {0} */
  readonly answerOverMs?: number;
  /** Never answers: the request is held until the client is gone. */
  readonly hang?: "before-taking" | "before-answering";
  /** Resets the connection at a point, so that there is no whole answer. */
  readonly reset?: "before-reading" | "before-answering" | "within-head" | "within-answer";
}

/** Resolves after `ms`, or when the socket is gone. */
export function delay(ms: number, socket: Socket | undefined): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      socket?.off("close", finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    socket?.once("close", finish);
  });
}

/** Resolves when the client is gone. */
export function untilGone(socket: Socket | undefined, shutdown: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (socket === undefined || socket.destroyed || shutdown.aborted) return resolve();
    const finish = () => {
      socket.off("close", finish);
      shutdown.removeEventListener("abort", finish);
      resolve();
    };
    socket.once("close", finish);
    shutdown.addEventListener("abort", finish, { once: true });
  });
}

/** Sends an answer; whether all of it was handed to the system. */
export async function sendAnswer(
  response: ServerResponse,
  answer: ScriptedAnswer,
  socket: Socket | undefined,
): Promise<boolean> {
  const text = new TextEncoder().encode(answer.body ?? "");
  const isCut = answer.reset !== undefined;
  const status = answer.status ?? 200;
  if (answer.reset === "within-head") {
    const inner = response.socket;
    await new Promise<void>((resolve) => inner?.write(`HTTP/1.1 ${status}`, () => resolve()));
    socket?.resetAndDestroy();
    return false;
  }
  response.writeHead(status, {
    "content-type": "text/plain",
    "content-length": String(text.length + (isCut ? 1000 : 0)),
    ...answer.headers,
  });
  if (answer.reset === "within-answer") {
    await new Promise<void>((resolve) =>
      response.write(`${answer.body ?? ""}half`, () => resolve())
    );
    socket?.resetAndDestroy();
    return false;
  }
  if (answer.answerOverMs !== undefined) {
    response.flushHeaders();
    for (const byte of text) {
      await delay(answer.answerOverMs / text.length, socket);
      if (response.destroyed) return false;
      response.write(new Uint8Array([byte]));
    }
    response.end();
    return !response.destroyed;
  }
  return await new Promise<boolean>((resolve) => {
    response.once("close", () => resolve(false));
    response.end(text, () => resolve(true));
  });
}
