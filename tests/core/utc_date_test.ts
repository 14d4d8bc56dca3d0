import assert from "node:assert/strict";
import { addDays, toUtcDate } from "../../src/core/utc_date.ts";

Deno.test("toUtcDate() gives the date in UTC, whatever the time zone of the machine", () => {
  assert.equal(toUtcDate(Date.UTC(2026, 0, 31, 23, 59, 59, 999)), "2026-01-31");
  assert.equal(toUtcDate(Date.UTC(2026, 1, 1)), "2026-02-01");
});

Deno.test("addDays() passes the ends of months and years, and goes back too", () => {
  assert.equal(addDays("2026-12-31", 1), "2027-01-01");
  assert.equal(addDays("2028-03-01", -1), "2028-02-29");
});
