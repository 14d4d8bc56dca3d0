import { type ExpectedEvent, judge, type Judgement } from "../support/judge.ts";

/** Compares what exists with what arrived, whatever the order: days may be exported side by side. */
export function judgeInAnyOrder(
  expected: readonly ExpectedEvent[],
  records: readonly { readonly [key: string]: unknown }[],
): Judgement {
  const places = new Map(expected.map((event, place) => [event.id, place]));
  const place = (record: { readonly [key: string]: unknown }) =>
    places.get(String(record["uid"])) ?? -1;
  return judge(expected, records.toSorted((a, b) => place(a) - place(b)));
}
