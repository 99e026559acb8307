import assert from "node:assert/strict";
import { test } from "node:test";
import { containerdCredentials } from "../../../../src/oci/credentials/containerd-auth.ts";
import { criCredentials, fromCriAuth, toCriAuth } from "../../../../src/oci/credentials/cri-auth.ts";
import type { Credentials } from "../../../../src/oci/credentials.ts";
import { OciError } from "../../../../src/oci/errors.ts";

const CANARY = "canary";
const base64 = (text: string) => Buffer.from(text).toString("base64");
const request = { repository: "a/b" };

test("each kind of credentials has its own fields", () => {
  assert.deepEqual(toCriAuth({ kind: "password", username: "u", password: "p" }), {
    username: "u",
    password: "p",
  });
  assert.deepEqual(toCriAuth({ kind: "identity-token", token: "t", username: "u" }), { identityToken: "t" });
  assert.deepEqual(toCriAuth({ kind: "registry-token", token: "t" }), { registryToken: "t" });
});

test("containerd's order: user, identity token, auth, and a registry token last", () => {
  const all = { username: "u", password: "p", identityToken: "i", auth: base64("a:b"), registryToken: "r" };
  const { username, password, ...tokens } = all;
  const { identityToken, ...encoded } = tokens;
  assert.deepEqual(fromCriAuth(all, "r.example"), { kind: "password", username, password });
  assert.deepEqual(fromCriAuth({ password, ...tokens }, "r.example"), {
    kind: "identity-token",
    token: identityToken,
  });
  assert.deepEqual(fromCriAuth(encoded, "r.example"), { kind: "password", username: "a", password: "b" });
  assert.deepEqual(fromCriAuth({ registryToken: "r" }, "r.example"), { kind: "registry-token", token: "r" });
  assert.equal(fromCriAuth({ username: "", password: "p" }, "r.example"), undefined);
});

test("a server address is a URL with exactly this host", () => {
  const at = (serverAddress: string, host = "r.example:5000") =>
    fromCriAuth({ username: "u", serverAddress }, host);
  for (const address of [
    "https://r.example:5000",
    "http://r.example:5000/v2/",
    "https://x@r.example:5000?y",
  ]) {
    assert.ok(at(address), address);
  }
  const others = [
    "r.example:5000",
    "https://r.example",
    "https://r.example:5000.evil/",
    "https://evil/r.example:5000",
    "https://r.example:5000@evil/",
    "https:r.example:5000",
    "x",
    "https://",
  ];
  for (const address of others) assert.equal(at(address), undefined, address);
});

test("an auth that is none is an error without its text", () => {
  for (const auth of [`${CANARY}!`, base64(CANARY)]) {
    assert.throws(
      () => fromCriAuth({ auth }, "r.example"),
      (error) =>
        error instanceof OciError &&
        error.code === "ERR_OCI_AUTH_FILE_INVALID" &&
        !error.message.includes(CANARY),
    );
  }
});

test("credentials for an image, by its full name", async () => {
  const asked: unknown[] = [];
  const find = criCredentials((host, { repository, signal }): Credentials | undefined => {
    asked.push([host, repository, signal]);
    return host === "docker.io" ? { kind: "password", username: "u", password: "p" } : undefined;
  });
  const { signal } = new AbortController();
  assert.deepEqual(await find("busybox:1.36", { signal }), { username: "u", password: "p" });
  assert.equal(await find(`r.example:5000/a/b@sha256:${"0".repeat(64)}`), undefined);
  assert.deepEqual(asked, [
    ["docker.io", "library/busybox", signal],
    ["r.example:5000", "a/b", undefined],
  ]);
  await assert.rejects(find("UPPER"), { code: "ERR_REFERENCE_INVALID" });
  const reason = new Error("stop");
  await assert.rejects(find("busybox", { signal: AbortSignal.abort(reason) }), reason);
  assert.equal(asked.length, 2);
});

test("containerd's table, by the host that is dialled", () => {
  const find = containerdCredentials({
    "r.example:5000": { auth: { username: "u", password: CANARY, unknown: 1 }, tls: { insecure: true } },
    "registry-1.docker.io": { auth: { identitytoken: CANARY } },
    "a.example": { auth: { auth: base64("x:y") } },
    "none.example": {},
    "docker.io": { auth: { username: "never" } },
  });
  assert.deepEqual(find("r.example:5000", request), { kind: "password", username: "u", password: CANARY });
  assert.deepEqual(find("docker.io", request), { kind: "identity-token", token: CANARY });
  assert.deepEqual(find("a.example", request), { kind: "password", username: "x", password: "y" });
  for (const host of ["r.example", "none.example", "x.example", "toString"])
    assert.equal(find(host, request), undefined);
});

test("a table of other types fails without its values", () => {
  const broken: Record<string, unknown>[] = [
    { "r.example": CANARY },
    { "r.example": { auth: CANARY } },
    { "r.example": { auth: [CANARY] } },
    { "r.example": { auth: { password: [CANARY] } } },
    { "r.example": { auth: { identitytoken: 1 } } },
  ];
  for (const configs of broken) {
    assert.throws(
      () => containerdCredentials(configs),
      (error) =>
        error instanceof OciError &&
        error.code === "ERR_OCI_CONFIG_INVALID" &&
        !error.message.includes(CANARY),
    );
  }
});
