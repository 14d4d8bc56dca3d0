import assert from "node:assert/strict";
import { Fault } from "../../src/core/fault.ts";
import { createHttpProxyFinder } from "../../src/core/http_proxy.ts";

const PROXY = "http://proxy.test:3128";

function find(env: { readonly [name: string]: string }, host: string, port = 443) {
  return createHttpProxyFinder(env)({ protocol: "https:", host, port });
}

const READ: readonly [text: string, label: string][] = [
  ["http://proxy.test:3128", "http://proxy.test:3128"],
  ["proxy.test:3128", "http://proxy.test:3128"],
  ["http://proxy.test", "http://proxy.test:80"],
  ["https://proxy.test/", "https://proxy.test:443"],
  ["HTTP://[::1]:3128", "http://[::1]:3128"],
  ["http://user:p%40ss@proxy.test:3128", "http://proxy.test:3128"],
];

for (const [text, label] of READ) {
  Deno.test(`createHttpProxyFinder() reads ${text} and shows it as ${label}`, () => {
    assert.equal(find({ HTTPS_PROXY: text }, "auth.test")?.label, label);
  });
}

Deno.test("createHttpProxyFinder() keeps the credentials of a proxy apart from what is shown", () => {
  const proxy = find({ https_proxy: "http://user:p%40ss@proxy.test:3128" }, "auth.test");
  assert.deepEqual(proxy?.credentials, { username: "user", password: "p@ss" });
  assert.equal(proxy?.variable, "https_proxy");
});

for (const text of ["socks5://u:s3cret@proxy.test:1080", "http://u:s3cret@:::", "https://"]) {
  Deno.test(`createHttpProxyFinder() refuses ${text} when it is needed, and never shows it`, () => {
    assert.equal(find({ HTTPS_PROXY: text }, "localhost"), undefined);
    assert.throws(() => find({ HTTPS_PROXY: text }, "auth.test"), (error) => {
      assert.ok(error instanceof Fault && error.kind === "config");
      assert.match(error.text, /HTTPS_PROXY/);
      assert.ok(!error.text.includes("s3cret"));
      return true;
    });
  });
}

Deno.test("createHttpProxyFinder() goes by the variable in capitals first, and by none that is empty", () => {
  const env = { HTTPS_PROXY: PROXY, https_proxy: "http://other.test:1" };
  assert.equal(find(env, "auth.test")?.label, PROXY);
  assert.equal(find({ ...env, HTTPS_PROXY: "" }, "auth.test")?.label, "http://other.test:1");
  assert.equal(find({ HTTPS_PROXY: " " }, "auth.test"), undefined);
  assert.equal(find({ HTTP_PROXY: PROXY }, "auth.test"), undefined);
  const plain = createHttpProxyFinder({ HTTP_PROXY: PROXY });
  assert.equal(plain({ protocol: "http:", host: "auth.test", port: 80 })?.label, PROXY);
});

/** Rows: NO_PROXY, host, port, whether the proxy is used (golang.org/x/net/http/httpproxy). */
const EXCEPTIONS: readonly [noProxy: string, host: string, port: number, isUsed: boolean][] = [
  ["", "auth.test", 443, true],
  ["", "localhost", 443, false],
  ["", "127.9.9.9", 443, false],
  ["", "::1", 443, false],
  ["*", "auth.test", 443, false],
  ["auth.test", "auth.test", 443, false],
  ["auth.test", "AUTH.test", 443, false],
  ["auth.test", "a.auth.test", 443, false],
  ["auth.test", "xauth.test", 443, true],
  [".auth.test", "auth.test", 443, true],
  [".auth.test", "a.auth.test", 443, false],
  ["*.auth.test", "a.auth.test", 443, false],
  ["auth.test:443", "auth.test", 443, false],
  ["auth.test:3025", "auth.test", 443, true],
  ["other.test, auth.test", "auth.test", 443, false],
  ["10.0.0.1", "10.0.0.1", 443, false],
  ["10.0.0.1:80", "10.0.0.1", 443, true],
  ["0.0.1", "10.0.0.1", 443, true],
  ["10.0.0.0/8", "10.200.3.4", 443, false],
  ["10.0.0.0/8", "11.0.0.1", 443, true],
  ["10.0.0.0/99", "10.0.0.1", 443, true],
  ["10.0.0.0/", "10.0.0.1", 443, true],
  ["2001:db8::/32", "2001:db8:1::5", 443, false],
  ["2001:db8::/32", "2001:db9::1", 443, true],
  ["2001:db8::1", "2001:db8::1", 443, false],
  ["[2001:db8::1]:443", "2001:db8::1", 443, false],
  ["[2001:db8::1]:80", "2001:db8::1", 443, true],
  ["10.0.0.0/8", "ten.test", 443, true],
];

for (const [noProxy, host, port, isUsed] of EXCEPTIONS) {
  Deno.test(`createHttpProxyFinder() with NO_PROXY=${noProxy} asks ${isUsed ? "the proxy" : "nobody"} for ${host} port ${port}`, () => {
    for (const name of ["NO_PROXY", "no_proxy"]) {
      const proxy = find({ HTTPS_PROXY: PROXY, [name]: noProxy }, host, port);
      assert.equal(proxy !== undefined, isUsed);
    }
  });
}
