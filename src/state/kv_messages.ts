/**
 * The messages of KV Connect's data path, as far as they are used: package `com.deno.kv.datapath` of
 * `proto/schema/datapath.proto` in https://github.com/denoland/denokv.
 */
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/** Keys from `start` to before `end`, as bytes. */
export interface ReadRange {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
  readonly limit: number;
  readonly reverse: boolean;
}

/** An entry of an answer. */
export interface RawEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** 10 bytes. */
  readonly version: Uint8Array;
}

/** What `snapshot_read` answers. */
export interface ReadAnswer {
  /** In the order in which they were asked for. */
  readonly ranges: readonly (readonly RawEntry[])[];
  /** The server cannot read now, or not all that was written. */
  readonly isRefused: boolean;
}

/** A write as bytes. */
export interface RawWrite {
  /** A version of no bytes says that there is nothing. */
  readonly checks: readonly { readonly key: Uint8Array; readonly version: Uint8Array }[];
  readonly set: readonly { readonly key: Uint8Array; readonly value: Uint8Array }[];
  readonly remove: readonly Uint8Array[];
}

/** What `atomic_write` answers. */
export interface WriteAnswer {
  readonly status: "done" | "check-failed" | "read-only" | "unknown";
  readonly version: Uint8Array;
}

const SET = 1;
const DELETE = 2;
/** The value is bytes, not an object of V8. */
const AS_BYTES = 3;
const READ_SUCCESS = 1;
const WRITE_STATUS: { readonly [status: number]: WriteAnswer["status"] } = {
  1: "done",
  2: "check-failed",
  5: "read-only",
};
const NO_BYTES: Uint8Array = new Uint8Array();

/** Encodes `SnapshotRead`. */
export function encodeRead(ranges: readonly ReadRange[]): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter();
  for (const { end, limit, reverse, start } of ranges) {
    writer.tag(1, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.LengthDelimited).bytes(start);
    writer.tag(2, WireType.LengthDelimited).bytes(end);
    writer.tag(3, WireType.Varint).int32(limit);
    if (reverse) writer.tag(4, WireType.Varint).bool(true);
    writer.join();
  }
  return writer.finish() as Uint8Array<ArrayBuffer>;
}

/** Encodes `AtomicWrite`. */
export function encodeWrite({ checks, remove, set }: RawWrite): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter();
  for (const { key, version } of checks) {
    writer.tag(1, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.LengthDelimited).bytes(key);
    writer.tag(2, WireType.LengthDelimited).bytes(version);
    writer.join();
  }
  for (const { key, value } of set) {
    writer.tag(2, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.LengthDelimited).bytes(key);
    writer.tag(2, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.LengthDelimited).bytes(value);
    writer.tag(2, WireType.Varint).int32(AS_BYTES);
    writer.join();
    writer.tag(3, WireType.Varint).int32(SET);
    writer.join();
  }
  for (const key of remove) {
    writer.tag(2, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.LengthDelimited).bytes(key);
    writer.tag(3, WireType.Varint).int32(DELETE);
    writer.join();
  }
  return writer.finish() as Uint8Array<ArrayBuffer>;
}

/** Decodes `SnapshotReadOutput`. @throws for bytes that are none. */
export function decodeReadAnswer(bytes: Uint8Array): ReadAnswer {
  const ranges: RawEntry[][] = [];
  let [isDisabled, isStrong, status] = [false, false, 0];
  forEachField(bytes, {
    1: (reader) => ranges.push(decodeRange(reader.bytes())),
    2: (reader) => isDisabled = reader.bool(),
    4: (reader) => isStrong = reader.bool(),
    8: (reader) => status = reader.int32(),
  });
  return { ranges, isRefused: isDisabled || !isStrong || status > READ_SUCCESS };
}

/** Decodes `AtomicWriteOutput`. @throws for bytes that are none. */
export function decodeWriteAnswer(bytes: Uint8Array): WriteAnswer {
  let status = 0;
  let version = NO_BYTES;
  forEachField(bytes, {
    1: (reader) => status = reader.int32(),
    2: (reader) => version = reader.bytes(),
  });
  return { status: WRITE_STATUS[status] ?? "unknown", version };
}

function decodeRange(bytes: Uint8Array): RawEntry[] {
  const entries: RawEntry[] = [];
  forEachField(bytes, { 1: (reader) => entries.push(decodeEntry(reader.bytes())) });
  return entries;
}

function decodeEntry(bytes: Uint8Array): RawEntry {
  let [key, value, version] = [NO_BYTES, NO_BYTES, NO_BYTES];
  forEachField(bytes, {
    1: (reader) => key = reader.bytes(),
    2: (reader) => value = reader.bytes(),
    4: (reader) => version = reader.bytes(),
  });
  return { key, value, version };
}

function forEachField(
  bytes: Uint8Array,
  fields: { readonly [number: number]: (reader: BinaryReader) => unknown },
): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    const read = fields[field];
    if (read === undefined) reader.skip(wireType, field);
    else read(reader);
  }
}
