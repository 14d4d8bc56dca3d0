import assert from "node:assert/strict";
import { formatConfigProblem } from "../../src/config/config_problem.ts";
import { type BaseChanges, loadChanged } from "./base_settings.ts";

/** Wrong settings, and every line that is said about them. */
export interface RefusedSettings extends BaseChanges {
  readonly title: string;
  readonly exitCode: 2 | 78;
  readonly lines: readonly string[];
}

/** Tests that each row is refused with its lines and its exit code, and without the secret hunter2. */
export function testRefusals(rows: readonly RefusedSettings[]): void {
  for (const row of rows) {
    Deno.test(`loadConfig() refuses ${row.title}`, async () => {
      const loaded = await loadChanged(row);
      assert.ok(!loaded.ok);
      assert.deepEqual(loaded.problems.map(formatConfigProblem), row.lines);
      assert.equal(loaded.exitCode, row.exitCode);
      assert.doesNotMatch(JSON.stringify(loaded), /hunter2/);
    });
  }
}
