import assert from "node:assert/strict";
import { createEventFilter } from "../../src/core/event_filter.ts";
import { makeEvent } from "../support/pipeline_ports.ts";

const TYPES = ["user.login", "session.start", "session.end", ""] as const;

const ROWS: readonly {
  readonly title: string;
  readonly types?: readonly string[];
  readonly skipTypes?: readonly string[];
  readonly passed: readonly string[];
}[] = [
  { title: "lets everything through without settings", passed: TYPES },
  { title: "lets only the types of types through", types: ["user.login"], passed: ["user.login"] },
  {
    title: "keeps back the types of skip-event-types",
    skipTypes: ["session.start", "session.end"],
    passed: ["user.login", ""],
  },
  {
    title: "keeps back a type that is in both",
    types: ["user.login", "session.end"],
    skipTypes: ["user.login"],
    passed: ["session.end"],
  },
  { title: "takes a beginning of a type for another type", types: ["session."], passed: [] },
  { title: "takes no patterns", types: ["session.*"], skipTypes: ["*"], passed: [] },
  { title: "minds the case", types: ["User.Login"], passed: [] },
];

for (const { title, types = [], skipTypes = [], passed } of ROWS) {
  Deno.test(`createEventFilter() ${title}`, () => {
    const filter = createEventFilter({ types, skipTypes });
    assert.deepEqual(TYPES.filter((type) => filter(makeEvent("id", { type }))), passed);
  });
}
