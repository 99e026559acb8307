import assert from "node:assert/strict";
import { test } from "node:test";
import {
  authKeyOrder,
  checkAuthKey,
  dockerServerAddress,
  hostOfKey,
  normaliseAuthFileKey,
} from "../../../../src/oci/credentials/auth-key.ts";

test("keys go from the repository to the host", () => {
  assert.deepEqual(authKeyOrder("r.example:5000/a/b"), [
    "r.example:5000/a/b",
    "r.example:5000/a",
    "r.example:5000",
  ]);
  assert.deepEqual(authKeyOrder("[2001:db8::1]:5000/a"), ["[2001:db8::1]:5000/a", "[2001:db8::1]:5000"]);
  assert.deepEqual(authKeyOrder("r.example"), ["r.example"]);
  assert.deepEqual(authKeyOrder("r.example/a/b", { legacy: true }), ["r.example"]);
  assert.deepEqual(authKeyOrder(""), [""]);
  assert.deepEqual(authKeyOrder("/a"), ["/a", ""]);
});

test("a key is no URL, no tagged and no digested reference", () => {
  assert.deepEqual(checkAuthKey("http://r.example"), { kind: "invalid", reason: "scheme" });
  assert.deepEqual(checkAuthKey("r.example/a:1.0"), { kind: "invalid", reason: "tag" });
  assert.deepEqual(checkAuthKey("r.example/a@sha256:00"), { kind: "invalid", reason: "at-sign" });
  assert.deepEqual(checkAuthKey("user@r.example"), { kind: "invalid", reason: "at-sign" });
  assert.deepEqual(checkAuthKey("[::1]:5000/a"), { kind: "valid", namespaced: true });
  assert.deepEqual(checkAuthKey(""), { kind: "valid", namespaced: false });
});

test("a path stays where there is no scheme, except in an older file", () => {
  assert.equal(normaliseAuthFileKey("r.example/v1/"), "r.example/v1/");
  assert.equal(normaliseAuthFileKey("r.example/v1/", { legacy: true }), "r.example");
  assert.equal(normaliseAuthFileKey("https://r.example:5000/v2/"), "r.example:5000");
  assert.equal(normaliseAuthFileKey("ftp://r.example/"), "ftp://r.example/");
  assert.equal(normaliseAuthFileKey("docker.io/library"), "docker.io/library");
});

test("Docker Hub has one name, towards Docker a URL", () => {
  for (const host of ["docker.io", "index.docker.io", "registry-1.docker.io"]) {
    assert.equal(dockerServerAddress(host), "https://index.docker.io/v1/");
  }
  assert.equal(dockerServerAddress("docker.io.example"), "docker.io.example");
  assert.equal(hostOfKey("docker.io/library"), "docker.io");
});
