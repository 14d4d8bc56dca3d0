import assert from "node:assert/strict";
import { markup } from "../../src/diagnostics/markup.ts";

Deno.test("markup escapes text for elements and attributes, and shows what would not be seen", () => {
  const text = `<a href='x'>"&"</a>\u202e\u0007`;
  assert.equal(
    markup`<b title="${text}">${7}</b>`.text,
    `<b title="&lt;a href=&#39;x&#39;&gt;&quot;&amp;&quot;&lt;/a&gt;\\u202e\\u0007">7</b>`,
  );
});

Deno.test("markup takes pieces as they are, one or many, and undefined as nothing", () => {
  const pieces = ["a<", "b"].map((text) => markup`<li>${text}</li>`);
  assert.equal(
    markup`<ul>${pieces}${undefined}</ul>${markup`<p></p>`}`.text,
    "<ul><li>a&lt;</li><li>b</li></ul><p></p>",
  );
});
