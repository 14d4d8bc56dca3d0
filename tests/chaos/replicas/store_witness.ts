import { BinaryReader } from "@bufbuild/protobuf/wire";
import { decodeKvValue } from "../../../src/state/kv_connection.ts";
import { decodeKvKey } from "../../../src/state/kv_key.ts";
import { decodeWriteAnswer } from "../../../src/state/kv_messages.ts";

/** A write that the store has made. */
interface WitnessedWrite {
  /** The replica that it came from. */
  readonly replica: number;
  /** In the order in which the store made them. */
  readonly version: string;
  /** Keys that were set, without the beginning that all of them have. */
  readonly set: readonly (readonly string[])[];
}

const PREFIX_PARTS = 3;

/**
 * Stands right before the store and sees all that each replica writes, however late it arrives. What
 * was written tells afterwards whether ever two replicas have moved one stream at a time.
 */
export class StoreWitness implements AsyncDisposable {
  readonly #servers: Deno.HttpServer[] = [];
  readonly #writes: WitnessedWrite[] = [];
  /** Claims of streams that others had before, or that the store may have noted without an answer. */
  readonly #takeovers = new Map<string, number>();
  readonly #storeUrl: string;
  /** Calls that came. */
  calls = 0;

  constructor(storeUrl: string) {
    this.#storeUrl = storeUrl;
  }

  /** Another way to the store, for one replica; returns its port. */
  open(replica: number): number {
    const server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => this.#pass(request, replica),
    );
    this.#servers.push(server);
    return (server.addr as Deno.NetAddr).port;
  }

  /** Positions that were moved by another replica than the one that had claimed the stream last. */
  findIntrusions(): string[] {
    const holders = new Map<string, number>();
    const problems: string[] = [];
    for (const { replica, set } of this.#inOrder()) {
      for (const [kind, streamId] of set) {
        if (kind === "claim") holders.set(streamId!, replica);
        if (kind !== "position") continue;
        const holder = holders.get(claimedStreamOf(streamId!, set));
        if (holder === undefined || holder === replica) continue;
        problems.push(`Replica ${replica} has moved '${streamId}', which replica ${holder} holds`);
      }
    }
    return problems.slice(0, 3);
  }

  /** How often a stream went to another replica, or may have: the one whose id ends so. */
  takeoversOf(ending: string): number {
    const found = [...this.#takeovers].filter(([id]) => id === ending || id.endsWith(`/${ending}`));
    return found.reduce((sum, [, count]) => sum + count, 0);
  }

  /** How often the log was claimed. */
  get leaderCount(): number {
    const isLeaderClaim = (key: readonly string[]) => key[0] === "claim" && key[1] === "log";
    return this.#writes.filter(({ set }) => set.some(isLeaderClaim)).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.shutdown().catch(() => {})));
  }

  #inOrder(): WitnessedWrite[] {
    return this.#writes.toSorted((a, b) => a.version < b.version ? -1 : 1);
  }

  async #pass(request: Request, replica: number): Promise<Response> {
    this.calls++;
    const { pathname } = new URL(request.url);
    const body = await request.bytes();
    try {
      const answer = await fetch(`${this.#storeUrl}${pathname}`, {
        method: request.method,
        headers: request.headers,
        body,
      });
      const bytes = await answer.bytes();
      if (answer.ok && pathname.endsWith("/atomic_write")) this.#note(body, bytes, replica);
      return new Response(bytes, { status: answer.status, headers: answer.headers });
    } catch (error) {
      if (pathname.endsWith("/atomic_write")) this.#noteClaims(readSets(body), 1);
      return new Response(String(error), { status: 502 });
    }
  }

  #note(write: Uint8Array, answer: Uint8Array, replica: number): void {
    const { status, version } = decodeWriteAnswer(answer);
    if (status !== "done") return;
    const sets = readSets(write);
    if (sets.length === 0) return;
    const set = sets.map(({ key }) => key);
    this.#writes.push({ replica, version: version.toHex(), set });
    this.#noteClaims(sets, 2);
  }

  /** Counts claims from an epoch on: the first of a stream is no takeover. */
  #noteClaims(sets: readonly SetValue[], fromEpoch: number): void {
    for (const { key: [kind, streamId], value } of sets) {
      if (kind !== "claim") continue;
      const { epoch } = decodeKvValue(value) as { epoch: number };
      if (epoch < fromEpoch) continue;
      this.#takeovers.set(streamId!, (this.#takeovers.get(streamId!) ?? 0) + 1);
    }
  }
}

/** What is not shared out is the leader's; what a write opens is of the one that it moves. */
function claimedStreamOf(streamId: string, set: readonly (readonly string[])[]): string {
  const isShared = streamId.startsWith("session/") || streamId.startsWith("chunk/");
  if (!isShared) {
    const isMark = streamId.startsWith("done/") || streamId.startsWith("abandoned/");
    return isMark ? streamId.replace(/^done\//, "chunk/").replace(/^abandoned\//, "") : "log";
  }
  // Set together with another position, it is opened by whoever moves that one.
  return set.filter(([kind]) => kind === "position").length > 1 ? "(opened)" : streamId;
}

/** A value that a write sets, by its key without the beginning that all of them have. */
interface SetValue {
  readonly key: readonly string[];
  readonly value: Uint8Array;
}

/** The mutations of an `AtomicWrite` that set a value. */
function readSets(bytes: Uint8Array): SetValue[] {
  const sets: SetValue[] = [];
  forEachField(bytes, (field, reader, type) => {
    if (field !== 2) return void reader.skip(type);
    let [key, value]: Uint8Array[] = [new Uint8Array(), new Uint8Array()];
    let kind = 0;
    forEachField(reader.bytes(), (field, reader, type) => {
      if (field === 1) key = reader.bytes();
      else if (field === 2) value = reader.bytes();
      else if (field === 3) kind = reader.int32();
      else reader.skip(type);
    });
    if (kind !== 1) return;
    forEachField(value!, (field, reader, type) => {
      if (field === 1) value = reader.bytes();
      else reader.skip(type);
    });
    sets.push({ key: decodeKvKey(key!).slice(PREFIX_PARTS), value: value! });
  });
  return sets;
}

function forEachField(
  bytes: Uint8Array,
  read: (field: number, reader: BinaryReader, type: number) => void,
): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    read(field, reader, type);
  }
}
