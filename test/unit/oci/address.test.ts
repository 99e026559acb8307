import assert from "node:assert/strict";
import { test } from "node:test";
import { addressKind, hostAddress, isLoopbackHost } from "../../../src/oci/address.ts";

const KINDS = {
  public: ["8.8.8.8", "172.15.255.255", "172.32.0.0", "2606:4700::1111", "::ffff:8.8.8.8", "11.0.0.0"],
  loopback: ["127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::127.0.0.1"],
  "link-local": [
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "0:0:0:0:0:ffff:a9fe:a9fe",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "100.100.100.200",
  ],
  private: [
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "fd12::1",
    "::ffff:10.0.0.1",
  ],
  reserved: [
    "0.0.0.0",
    "::",
    "224.0.0.1",
    "255.255.255.255",
    "ff02::1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "::ffff:0:127.0.0.1",
    "::ffff:0:808:808",
    "",
  ],
} as const;

for (const [kind, addresses] of Object.entries(KINDS)) {
  test(`${kind} addresses`, () => {
    for (const address of addresses) assert.equal(addressKind(address), kind, address);
  });
}

test("text that is no address counts as reserved, which is never allowed", () => {
  for (const text of ["example.com", "1.2.3", "0x7f.1", "127.0.0.1/8"])
    assert.equal(addressKind(text), "reserved");
});

test("a URL's host gives its address without brackets", () => {
  assert.equal(hostAddress(new URL("http://[::1]:5000/").hostname), "::1");
  assert.equal(hostAddress(new URL("http://0x7f.1/").hostname), "127.0.0.1");
  assert.equal(hostAddress("example.com"), undefined);
});

test("loopback hosts are told by their text", () => {
  for (const host of ["localhost", "LOCALHOST", "a.localhost", "127.0.0.1", "[::1]"])
    assert.ok(isLoopbackHost(host));
  for (const host of ["localhost.example", "notlocalhost", "128.0.0.1", "[::2]"])
    assert.ok(!isLoopbackHost(host));
});
