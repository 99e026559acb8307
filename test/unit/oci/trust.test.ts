import assert from "node:assert/strict";
import { test } from "node:test";
import { checkLocation, checkRealm, checkRedirect, isAllowedKind } from "../../../src/oci/trust.ts";

const secure = new URL("https://registry.example.com/");
const plain = new URL("http://127.0.0.1:5000/");
const refused = { code: "ERR_OCI_REALM_REFUSED" };

function realm(
  text: string,
  registry: URL = secure,
  trustOrigin?: Parameters<typeof checkRealm>[1]["trustOrigin"],
) {
  return checkRealm(text, { registry, allowsHttp: (host) => host.startsWith("127."), trustOrigin });
}

test("a registry over HTTPS names no token server over HTTP, not even with the caller's word", () => {
  for (const text of ["http://registry.example.com/token", "http://127.0.0.1/token", "//127.0.0.1/token"]) {
    assert.throws(() => realm(text), refused, text);
  }
  assert.throws(() => realm("http://auth.example.com/", secure, () => true), refused);
  assert.throws(() => realm("http://collector.example/", plain, () => true), refused);
});

test("a relative realm is on the registry itself", () => {
  const { url, related, trusted } = realm("/token?a=b#c");
  assert.deepEqual([url.href, related, trusted], ["https://registry.example.com/token?a=b", true, true]);
});

test("credentials go to the registry's host, below it, and to its siblings", () => {
  const related: [registry: string, realm: string, related: boolean][] = [
    ["registry-1.docker.io", "auth.docker.io", true],
    ["ghcr.io", "ghcr.io", true],
    ["ghcr.io", "auth.ghcr.io", true],
    ["registry.gitlab.com", "gitlab.com", true],
    ["rg.fr-par.scw.cloud", "api.scaleway.com", true],
    ["registry.example.com", "registry.example.com.evil.com", false],
    ["registry.example.com", "evilexample.com", false],
    ["registry.example.com", "collector.net", false],
    ["registry.com", "evil.com", false],
    ["ghcr.io", "quay.io", false],
    ["8.8.8.8", "9.8.8.8", false],
    ["registry.example.com", "8.8.8.8", false],
  ];
  for (const [registry, host, expected] of related) {
    const checked = realm(`https://${host}/token`, new URL(`https://${registry}/`));
    assert.equal(checked.related, expected, `${registry} ${host}`);
  }
});

test("the caller's word decides over another host", () => {
  assert.throws(() => realm("https://auth.example.com/", secure, () => false), refused);
  assert.throws(() => realm("/token", secure, () => false), refused);
  const trusted = realm("https://10.0.0.1/token", secure, (url, about) => {
    assert.deepEqual(about, { use: "token", registry: "https://registry.example.com" });
    url.hostname = "changed.example";
    return true;
  });
  assert.deepEqual([trusted.url.host, trusted.related, trusted.trusted], ["10.0.0.1", true, true]);
});

test("literal addresses must be public or of the registry's own kind", () => {
  for (const host of [
    "127.0.0.1",
    "localhost",
    "localhost.",
    "a.localhost",
    "[::1]",
    "10.0.0.1",
    "0.0.0.0",
  ]) {
    assert.throws(() => realm(`https://${host}/`), refused, host);
  }
  assert.equal(realm("https://8.8.8.8/").trusted, false);
  assert.equal(realm("https://10.0.0.2/", new URL("https://10.0.0.1/")).related, false);
  assert.throws(() => realm("https://127.0.0.1/", new URL("https://10.0.0.1/")), refused);
  assert.throws(() => realm("https://10.0.0.1/", plain), refused);
});

test("reserved addresses are of no registry's kind", () => {
  assert.equal(isAllowedKind("reserved", ["reserved"]), false);
  assert.equal(isAllowedKind("link-local", ["private", "loopback"]), false);
  assert.equal(isAllowedKind("link-local", ["link-local"]), true);
  assert.equal(isAllowedKind("public", []), true);
});

test("a redirect never goes from HTTPS to HTTP, nor to another scheme", () => {
  const from = new URL("https://registry.example.com/v2/a/blobs/x?secret=1");
  for (const location of [
    "http://registry.example.com/x",
    "http://cdn.example.com/x",
    "ws://cdn.example.com/",
    undefined,
  ]) {
    assert.throws(
      () => checkRedirect(location, from, { registry: secure, trustOrigin: () => true }),
      (error: { code: string; message: string }) =>
        error.code === "ERR_OCI_REDIRECT_REFUSED" && !error.message.includes("secret"),
    );
  }
  const { url, trusted } = checkRedirect("https://cdn.example.com/x?sig=1", from, { registry: secure });
  assert.deepEqual([url.href, trusted], ["https://cdn.example.com/x?sig=1", false]);
});

test("an upload location stays on the registry's origin", () => {
  const from = new URL("https://registry.example.com/v2/a/blobs/uploads/");
  const at = (location: string | undefined, trustOrigin?: () => boolean) =>
    checkLocation(location, from, { registry: secure, trustOrigin }).href;
  assert.equal(at("x?_state=a%2Fb&c"), "https://registry.example.com/v2/a/blobs/uploads/x?_state=a%2Fb&c");
  assert.equal(at("https://REGISTRY.example.com:443/x"), "https://registry.example.com/x");
  const elsewhere = { code: "ERR_OCI_LOCATION_REFUSED" };
  for (const location of [
    "https://registry.example.com:8443/x",
    "//evil.example/x",
    "https://u@registry.example.com/",
  ]) {
    assert.throws(() => at(location), elsewhere, location);
  }
  assert.throws(() => at("http://registry.example.com/x", () => true), elsewhere);
  assert.equal(
    at("https://upload.example.com/x", () => true),
    "https://upload.example.com/x",
  );
  assert.throws(() => at(undefined), { code: "ERR_OCI_PROTOCOL" });
  assert.throws(() => at(""), { code: "ERR_OCI_PROTOCOL" });
});
