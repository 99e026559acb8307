import assert from "node:assert/strict";
import { test } from "node:test";
import { hostnameProblem } from "../../../src/policy/hostname.ts";

function covers(names: { hosts?: string[]; addresses?: string[] }, host: string): boolean {
  const addresses = (names.addresses ?? []).map((hex) => Buffer.from(hex, "hex"));
  return hostnameProblem({ emails: [], uris: [], hosts: names.hosts ?? [], addresses }, host) === undefined;
}

test("host names compare without regard to ASCII case, and whole", () => {
  for (const host of ["a.example.com", "A.Example.COM", "a.example.com."]) {
    assert.ok(covers({ hosts: ["a.example.com"] }, host), host);
  }
  for (const host of [
    "example.com",
    "b.a.example.com",
    "a.example.com.evil",
    "xa.example.com",
    "a_example.com",
    "",
  ]) {
    assert.equal(covers({ hosts: ["a.example.com"] }, host), false, host);
  }
  assert.equal(covers({ hosts: ["k.example.com"] }, "\u212a.example.com"), false);
});

test("a wildcard is the whole left-most label of the certificate's name", () => {
  assert.ok(covers({ hosts: ["*.example.com"] }, "a.example.com"));
  for (const [pattern, host] of [
    ["*.example.com", "example.com"],
    ["*.example.com", "a.b.example.com"],
    ["*.example.com", ".example.com"],
    ["a*.example.com", "ab.example.com"],
    ["a.*.com", "a.example.com"],
    ["*", "example"],
    ["*.", "a."],
    ["a.example.com", "*.example.com"],
    ["*.*.com", "a.b.com"],
  ] as const) {
    assert.equal(covers({ hosts: [pattern] }, host), false, `${pattern} ${host}`);
  }
});

test("an address compares with address names only", () => {
  assert.ok(covers({ addresses: ["c0000201"] }, "192.0.2.1"));
  assert.ok(covers({ addresses: ["c0000201"] }, "[::ffff:192.0.2.1]"));
  assert.ok(covers({ addresses: ["20010db8000000000000000000000001"] }, "2001:db8::1"));
  assert.ok(covers({ addresses: ["20010db8000000000000000000000001"] }, "[2001:DB8:0:0::1]"));
  assert.ok(covers({ addresses: ["00000000000000000000000000000001"] }, "::1"));
  assert.equal(covers({ addresses: ["c0000201"] }, "192.0.2.2"), false);
  assert.equal(covers({ hosts: ["192.0.2.1", "*.0.2.1"] }, "192.0.2.1"), false);
  assert.equal(covers({ hosts: ["[::1]", "::1"] }, "::1"), false);
});

test("a certificate without alternative names covers nothing", () => {
  assert.match(hostnameProblem(undefined, "a.example") ?? "", /not valid for any names/);
});
