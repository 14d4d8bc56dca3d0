import assert from "node:assert/strict";
import { parseConfigureArgs } from "../../src/cli/configure_args.ts";

const HOME = "/home/me";

Deno.test("parseConfigureArgs() takes the official handler's arguments and defaults", () => {
  assert.deepEqual(parseConfigureArgs(["."], HOME), {
    options: {
      folder: ".",
      shownFolder: "",
      workingFolder: HOME,
      address: "localhost:3025",
      isProxy: false,
      names: { ca: "ca", server: "server", client: "client" },
      ttlMs: 87_600 * 3_600_000,
      dnsNames: ["localhost"],
      ipAddresses: ["127.0.0.1", "::1"],
      keyType: "rsa",
      rsaBits: 4096,
      encryptServerKey: true,
      destinations: [],
      autoLock: false,
      classicFluentConf: false,
    },
    force: false,
    json: false,
    notices: [],
  });
});

Deno.test("parseConfigureArgs() takes every argument and flag", () => {
  const { force, json, options } = parseConfigureArgs([
    ...["out", "auth.example.com:3026", "my-ca", "my-server", "my-client", "--ttl", "1h30m"],
    ...["--dns-names", "a.example.com,B.example.com", "--dns-names=bücher.example"],
    ...["--ip", "192.0.2.7,2001:db8::7", "--key-type", "ecdsa", "--output", "fluentd"],
    ...["--for", "panther", "--for", "fluentd", "--for=s3,panther", "--auto-lock", "--json"],
    ...["--classic-fluent-conf", "--no-encrypt-server-key", "--force", "--debug"],
  ], HOME);
  assert.deepEqual({ force, json }, { force: true, json: true });
  assert.deepEqual(options, {
    folder: "out",
    shownFolder: "out",
    workingFolder: HOME,
    address: "auth.example.com:3026",
    isProxy: false,
    names: { ca: "my-ca", server: "my-server", client: "my-client" },
    ttlMs: 90 * 60_000,
    dnsNames: ["a.example.com", "b.example.com", "xn--bcher-kva.example"],
    ipAddresses: ["192.0.2.7", "2001:db8::7"],
    keyType: "ecdsa",
    rsaBits: 4096,
    encryptServerKey: false,
    destinations: ["panther", "s3"],
    autoLock: true,
    classicFluentConf: true,
  });
});

const FOLDERS = [
  ["out/", "out"],
  ["./out", "out"],
  ["../other", "/home/other"],
  ["/etc/fluentd", "/etc/fluentd"],
  [HOME, ""],
] as const;
for (const [given, shown] of FOLDERS) {
  Deno.test(`parseConfigureArgs() shows files in ${given} as in ${shown || "."}`, () => {
    assert.equal(parseConfigureArgs([given], HOME).options.shownFolder, shown);
  });
}

const ADDRESSES = [
  ["teleport.example.com:443", "teleport.example.com:443", true],
  ["teleport.example.com:3080", "teleport.example.com:3080", true],
  ["example.teleport.sh", "example.teleport.sh:443", true],
  ["auth.example.com:3025", "auth.example.com:3025", false],
  ["auth.example.com", "auth.example.com:3025", false],
  ["[2001:db8::1]:3025", "[2001:db8::1]:3025", false],
] as const;
for (const [given, address, isProxy] of ADDRESSES) {
  Deno.test(`parseConfigureArgs() takes ${given} for ${isProxy ? "a proxy" : "an auth server"}`, () => {
    const { options } = parseConfigureArgs([".", given], HOME);
    assert.deepEqual([options.address, options.isProxy], [address, isProxy]);
  });
}

const REFUSED: readonly (readonly [args: readonly string[], message: RegExp])[] = [
  [[], /^Missing required argument 'out'/],
  [[""], /^OUT "": Is empty/],
  [["a", "b", "c", "d", "e", "f"], /^Too many arguments/],
  [[".", "--fro", "s3"], /^Unknown option '--fro' \(Did you mean --for\?\)/],
  [[".", "https://a/b"], /^ADDR "https:\/\/a\/b": An address is a host and a port/],
  [[".", "a:0"], /^ADDR "a:0": The port is not a number from 1 to 65535/],
  [[".", "a", "../ca"], /^CA-NAME "\.\.\/ca": Cannot be the name of a file/],
  [[".", "a", "ca..old"], /^CA-NAME "ca\.\.old"/],
  [[".", "a", "ca", "sub/server"], /^SERVER-NAME "sub\/server"/],
  [[".", "a", "ca", "server", "back\\slash"], /^CLIENT-NAME/],
  [[".", "a", "ca", "server", "a\nb"], /^CLIENT-NAME "a\\nb"/],
  [[".", "a", "ca", ""], /^SERVER-NAME ""/],
  [[".", "a", "ca", "x", "X"], /^CA-NAME, SERVER-NAME and CLIENT-NAME: Name the same files/],
  [[".", "--ttl", "0s"], /^--ttl "0s": Certificates must be good for a minute at least/],
  [[".", "--ttl=-1h"], /^--ttl "-1h": Certificates must be good for a minute at least/],
  [[".", "--ttl", "0"], /^--ttl "0"/],
  [[".", "--ttl", "8760"], /^--ttl "8760": Lacks a unit/],
  [[".", "--ttl", "365d"], /^--ttl "365d": Unknown unit "d"/],
  [[".", "--ttl", "9999999h"], /^--ttl "9999999h": Duration .* is longer than 292 years/],
  [[".", "--ip", "1.2.3"], /^--ip "1\.2\.3": Is not an IP address/],
  [[".", "--ip", "1.2.3.256"], /^--ip "1\.2\.3\.256"/],
  [[".", "--ip", "fe80::1%eth0"], /^--ip "fe80::1%eth0"/],
  [[".", "--dns-names", "1.2.3.4"], /^--dns-names "1\.2\.3\.4": Is an address/],
  [[".", "--dns-names", "a b"], /^--dns-names "a b": Is not a DNS name/],
  [[".", "--dns-names", ","], /^--dns-names: Is empty, and there is no --ip/],
  [[".", "--length", "1024"], /^--length "1024": RSA keys of 1024 bits are too weak/],
  [[".", "--length", "4097"], /^--length "4097": Is not a size of RSA keys/],
  [[".", "--length", "2048", "--key-type", "ecdsa"], /^--length "2048": Is for RSA keys alone/],
  [[".", "--key-type", "dsa"], /^Option '--key-type <type>' argument 'dsa' is invalid/],
  [[".", "--output", "file"], /^Option '--output <kind>' argument 'file' is invalid/],
  [[".", "--for", "sumo"], /^--for "sumo": Is not a known destination/],
];
for (const [args, message] of REFUSED) {
  Deno.test(`parseConfigureArgs() refuses ${JSON.stringify(args.join(" "))} and says what to do`, () => {
    assert.throws(() => parseConfigureArgs(args, HOME), (error: Error) => {
      assert.match(error.message, message);
      assert.equal((error as { kind?: string }).kind, "usage");
      assert.ok((error as { hint?: string }).hint);
      return true;
    });
  });
}
