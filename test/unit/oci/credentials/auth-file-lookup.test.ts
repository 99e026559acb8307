import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAuthFile } from "../../../../src/oci/credentials/auth-file.ts";
import { type AuthFileAnswer, findInAuthFile } from "../../../../src/oci/credentials/auth-file-lookup.ts";
import { OciError } from "../../../../src/oci/errors.ts";

const pair = (user: string, password = "p") => ({
  auth: Buffer.from(`${user}:${password}`).toString("base64"),
});
const find = (json: object, key: string, rules: "containers" | "docker"): AuthFileAnswer =>
  findInAuthFile(parseAuthFile(JSON.stringify(json)), key, { rules });
const user = (answer: AuthFileAnswer) =>
  answer.kind === "credentials" && answer.credentials.kind === "password"
    ? answer.credentials.username
    : answer.kind;

test("a namespace is not the beginning of a name", () => {
  const json = { auths: { "r.example/team": pair("team"), "r.example": pair("host") } };
  assert.equal(user(find(json, "r.example/team/app", "containers")), "team");
  assert.equal(user(find(json, "r.example/team", "containers")), "team");
  assert.equal(user(find(json, "r.example/teams/app", "containers")), "host");
  assert.equal(user(find(json, "r.example/tea", "containers")), "host");
});

test("a host is compared whole: no suffix, no prefix, no other port, no other case", () => {
  const json = { auths: { "r.example": pair("u"), "https://s.example/v1/": pair("s") } };
  for (const key of [
    "sub.r.example/a",
    "r.example.evil/a",
    "r.example:5000/a",
    "R.example/a",
    "example/a",
    "r.exampl",
  ]) {
    assert.equal(user(find(json, key, "containers")), "none", key);
    assert.equal(user(find(json, key, "docker")), "none", key);
  }
  for (const key of ["s.example.evil/a", "s.example:443/a", "v1/a"]) {
    assert.equal(user(find(json, key, "containers")), "none", key);
    assert.equal(user(find(json, key, "docker")), "none", key);
  }
});

test("Docker Hub is found under each of its names, and nothing else under them", () => {
  for (const key of ["docker.io", "index.docker.io", "registry-1.docker.io", "https://index.docker.io/v1/"]) {
    const json = { auths: { [key]: pair("hub") } };
    for (const rules of ["containers", "docker"] as const) {
      assert.equal(user(find(json, "docker.io/library/busybox", rules)), "hub", `${key} ${rules}`);
      assert.equal(user(find(json, "docker.io.example/a", rules)), "none");
    }
  }
});

test("Docker knows no namespaces, and gives the entry of one to nobody", () => {
  const json = { auths: { "r.example/team": pair("team") } };
  assert.equal(find(json, "r.example/team/app", "docker").kind, "none");
  assert.equal(find(json, "r.example/other", "docker").kind, "none");
});

test("a helper for the host decides; one for every host only with Docker", () => {
  const json = { auths: { "r.example": pair("u") }, credHelpers: { "r.example": "h" }, credsStore: "s" };
  for (const rules of ["containers", "docker"] as const) {
    assert.deepEqual(find(json, "r.example/a", rules), {
      kind: "helper",
      member: "credHelpers",
      helper: "h",
      server: "r.example",
    });
  }
  const other = { auths: { "x.example": pair("u") }, credsStore: "s" };
  assert.equal(user(find(other, "x.example/a", "containers")), "u");
  assert.deepEqual(find(other, "x.example/a", "docker"), {
    kind: "helper",
    member: "credsStore",
    helper: "s",
    server: "x.example",
  });
  assert.deepEqual(find({ credsStore: "s" }, "docker.io/library/a", "docker"), {
    kind: "helper",
    member: "credsStore",
    helper: "s",
    server: "https://index.docker.io/v1/",
  });
});

test("tokens and fields beside auth", () => {
  const json = {
    auths: {
      "id.example": { identitytoken: "t" },
      "both.example": { ...pair("u", ""), identitytoken: "t" },
      "reg.example": { registrytoken: "r" },
      "plain.example": { username: "u", password: "p" },
      "colon.example": { auth: Buffer.from("nocolon").toString("base64") },
      "blank.example": pair("", ""),
    },
  };
  const identity = { kind: "identity-token", token: "t", username: "u" };
  const cases: [host: string, containers: unknown, docker: unknown][] = [
    ["id.example", "token-without-user", { kind: "identity-token", token: "t" }],
    ["both.example", identity, identity],
    ["reg.example", "empty", { kind: "registry-token", token: "r" }],
    ["plain.example", "empty", { kind: "password", username: "u", password: "p" }],
    ["blank.example", "empty", "empty"],
    ["colon.example", "no-colon", "ERR_OCI_AUTH_FILE_INVALID"],
  ];
  for (const [host, ...expected] of cases) {
    for (const [at, rules] of (["containers", "docker"] as const).entries()) {
      let outcome: unknown;
      try {
        const answer = find(json, host, rules);
        outcome =
          answer.kind === "credentials" ? answer.credentials : "reason" in answer ? answer.reason : answer;
      } catch (error) {
        assert.ok(error instanceof OciError);
        outcome = error.code;
      }
      assert.deepEqual(outcome, expected[at], `${host} ${rules}`);
    }
  }
});

test("a broken entry harms nobody else, and its text stays untold", () => {
  const json = { auths: { "bad.example": { auth: "canary!!" }, "r.example": pair("u") } };
  assert.equal(user(find(json, "r.example/a", "containers")), "u");
  for (const rules of ["containers", "docker"] as const) {
    assert.throws(
      () => find(json, "bad.example/a", rules),
      (error: Error) =>
        error instanceof OciError &&
        error.code === "ERR_OCI_AUTH_FILE_INVALID" &&
        error.message.includes("bad.example") &&
        !error.message.includes("canary"),
    );
  }
});

test("nothing is found for no key", () => {
  assert.deepEqual(find({ auths: { "": pair("u") } }, "", "containers"), { kind: "none" });
  assert.deepEqual(find({ credsStore: "s" }, "", "docker"), { kind: "none" });
});

test("Docker takes the entry of exactly its server before one that is only like it", () => {
  const json = { auths: { "https://r.example/v1/": pair("url"), "r.example": pair("host") } };
  assert.equal(user(find(json, "r.example/a", "docker")), "host");
});
