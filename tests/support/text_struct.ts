import { fromJson, toBinary } from "@bufbuild/protobuf";
import { StructSchema } from "@bufbuild/protobuf/wkt";

/** The payload of an event that holds nothing but a text, `{"text": …}`, as Teleport sends it. */
export function encodeTextStruct(text: string): Uint8Array {
  return toBinary(StructSchema, fromJson(StructSchema, { text }));
}
