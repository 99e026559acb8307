import assert from "node:assert/strict";
import { test } from "node:test";
import { displayUrl, registryUrl } from "../../../src/oci/url.ts";

test("HTTPS unless the host is listed, or is a loopback address with a port of its own", () => {
  const expected: Record<string, string> = {
    "docker.io": "https://registry-1.docker.io",
    "quay.io": "https://quay.io",
    "quay.io:80": "https://quay.io:80",
    localhost: "https://localhost",
    "localhost:443": "https://localhost",
    "localhost:5000": "http://localhost:5000",
    "127.0.0.1": "https://127.0.0.1",
    "127.0.0.1:5000": "http://127.0.0.1:5000",
    "127.9.9.9:80": "http://127.9.9.9",
    "[::1]:5000": "http://[::1]:5000",
    "[::1]": "https://[::1]",
    "10.0.0.1:5000": "https://10.0.0.1:5000",
    "localhost.evil.example:5000": "https://localhost.evil.example:5000",
    "[2001:db8::1]:5000": "https://[2001:db8::1]:5000",
  };
  for (const [domain, origin] of Object.entries(expected))
    assert.equal(registryUrl(domain).origin, origin, domain);
  assert.equal(registryUrl("10.0.0.1:5000", ["10.0.0.1:5000"]).origin, "http://10.0.0.1:5000");
  assert.equal(registryUrl("10.0.0.1:5001", ["10.0.0.1:5000"]).protocol, "https:");
  assert.equal(registryUrl("127.0.0.1:5000", ["other"]).protocol, "http:");
  assert.equal(registryUrl("127.0.0.1:5000", () => undefined).protocol, "http:");
  assert.equal(registryUrl("127.0.0.1:5000", () => false).protocol, "https:");
  assert.equal(registryUrl("a.lab", (host) => host.endsWith(".lab")).protocol, "http:");
});

test("a text that is more or less than a host is refused", () => {
  for (const domain of [
    "",
    "a:99999",
    "user@host",
    "host/path",
    "host?x",
    "host#x",
    "[::1",
    "a b",
    "a:b:c",
  ]) {
    assert.throws(() => registryUrl(domain), { code: "ERR_REFERENCE_INVALID" }, domain);
  }
});

test("a shown URL has neither user information nor query nor fragment", () => {
  assert.equal(displayUrl(new URL("https://u:p@h:1/a/b?q=1#f")), "https://h:1/a/b");
});
