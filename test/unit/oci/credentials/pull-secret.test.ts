import assert from "node:assert/strict";
import { test } from "node:test";
import {
  findPullSecrets,
  type PullSecretObject,
  parsePullSecrets,
  pullSecretCredentials,
} from "../../../../src/oci/credentials/pull-secret.ts";
import { OciError } from "../../../../src/oci/errors.ts";

const CANARY = "canary";
const base64 = (text: string) => Buffer.from(text).toString("base64");
const entry = (user: string) => ({ auth: base64(`${user}:${CANARY}`) });

function secret(auths: Readonly<Record<string, unknown>>): PullSecretObject {
  return {
    type: "kubernetes.io/dockerconfigjson",
    data: { ".dockerconfigjson": base64(JSON.stringify({ auths })) },
  };
}

function users(secrets: readonly PullSecretObject[], name: string): (string | undefined)[] {
  return findPullSecrets(parsePullSecrets(secrets), name).map(({ credentials }) =>
    credentials.kind === "password" ? credentials.username.replaceAll(";", ":") : undefined,
  );
}
/** A secret whose entries have their keys as users, with `;` for the `:` that a user cannot have. */
const keyed = (...keys: string[]) =>
  secret(Object.fromEntries(keys.map((key) => [key, entry(key.replaceAll(":", ";"))])));

test("both forms of a secret; others are none", () => {
  const legacy = {
    type: "kubernetes.io/dockercfg",
    data: { ".dockercfg": base64(JSON.stringify({ "r.example": entry("old") })) },
  };
  assert.deepEqual(users([secret({ "r.example": entry("new") }), legacy], "r.example/a"), ["new", "old"]);
  const data = { ".dockerconfigjson": base64(JSON.stringify({ auths: { "r.example": entry("u") } })) };
  for (const other of [
    { type: "Opaque", data },
    { data },
    { type: "kubernetes.io/dockercfg", data },
    { type: "toString", data },
    {},
  ]) {
    assert.deepEqual(parsePullSecrets([other]), []);
  }
  assert.deepEqual(parsePullSecrets([]), []);
});

test("every label of a host fits its pattern, and none is left over", () => {
  const wild = [keyed("*.example.com")];
  assert.deepEqual(users(wild, "r.example.com/a"), ["*.example.com"]);
  for (const name of [
    "example.com/a",
    "a.b.example.com/a",
    "r.example.com:5000/a",
    "r.example.com.evil/a",
    "r.example.comx/a",
  ]) {
    assert.deepEqual(users(wild, name), [], name);
  }
  assert.deepEqual(users([keyed("*.*.example.com")], "a.b.example.com/x"), ["*.*.example.com"]);
  assert.deepEqual(users([keyed("r[0-9].example.com")], "r7.example.com/x"), ["r[0-9].example.com"]);
  assert.deepEqual(users([keyed("r[.example.com")], "r[.example.com/x"), []);
  assert.deepEqual(users([keyed("*")], "r.example/x"), []);
  assert.deepEqual(users([keyed("*:5000")], "localhost:5000/x"), ["*:5000"]);
  assert.deepEqual(users([keyed("[2001:db8::1]:5000")], "[2001:db8::1]:5000/x").length, 0);
});

test("ports are compared, and the path is a beginning of the image's", () => {
  assert.deepEqual(users([keyed("r.example:5000")], "r.example/a"), []);
  assert.deepEqual(users([keyed("r.example:5000")], "r.example:5000/a"), ["r.example:5000"]);
  assert.deepEqual(users([keyed("r.example/team")], "r.example/team/app"), ["r.example/team"]);
  assert.deepEqual(users([keyed("r.example/team")], "r.example/team2/app"), ["r.example/team"]);
  assert.deepEqual(users([keyed("r.example/team/")], "r.example/team2/app"), []);
  assert.deepEqual(users([keyed("r.example/team")], "r.example/other"), []);
});

test("the most specific is the first", () => {
  const keys = ["r.example", "*.example", "r.example/a/b", "https://r.example/a"];
  assert.deepEqual(users([keyed(...keys)], "r.example/a/b"), [
    "r.example/a/b",
    "https://r.example/a",
    "r.example",
    "*.example",
  ]);
  const first = pullSecretCredentials(parsePullSecrets([keyed(...keys)]));
  assert.deepEqual(first("r.example", { repository: "a/b" }), {
    kind: "password",
    username: "r.example/a/b",
    password: CANARY,
  });
  assert.equal(first("x.example.org", { repository: "a" }), undefined);
});

test("scheme and version of the API are no part of a key", () => {
  for (const key of ["https://r.example/v1/", "http://r.example/v2/", "r.example/v1/", "r.example/"]) {
    assert.deepEqual(users([keyed(key)], "r.example/a"), [key]);
  }
  assert.deepEqual(users([keyed("https://r.example/v1/team")], "r.example/team/a"), [
    "https://r.example/v1/team",
  ]);
  assert.deepEqual(users([keyed("https://r.example/v3/")], "r.example/a"), []);
});

test("Docker Hub's credentials are for its images only, and last", () => {
  const hub = [keyed("https://index.docker.io/v1/")];
  assert.deepEqual(users(hub, "docker.io/library/busybox"), ["https://index.docker.io/v1/"]);
  assert.deepEqual(users(hub, "r.example/a"), []);
  assert.deepEqual(users(hub, "docker.io.evil/a"), []);
  assert.deepEqual(
    users([keyed("index.docker.io"), keyed("docker.io/library")], "docker.io/library/busybox"),
    ["docker.io/library"],
  );
});

test("auth goes before the fields, and needs no padding; tokens are not read", () => {
  const unpadded = base64(`un:${CANARY}1`).replaceAll("=", "");
  const auths = {
    "a.example": { ...entry("auth"), username: "field", password: "p" },
    "b.example": { username: "field", password: "p" },
    "c.example": { auth: unpadded },
    "d.example": { identitytoken: "t" },
    "e.example": {},
  };
  const one = [secret(auths)];
  assert.deepEqual(
    ["a", "b", "c", "d", "e"].flatMap((host) => users(one, `${host}.example/x`)),
    ["auth", "field", "un"],
  );
});

test("a secret that cannot be decoded fails, and tells nothing of itself", () => {
  const type = "kubernetes.io/dockerconfigjson";
  const broken: PullSecretObject[] = [
    { type, data: { ".dockerconfigjson": `${CANARY}!` } },
    { type, data: { ".dockerconfigjson": base64(CANARY) } },
    { type, data: { ".dockerconfigjson": base64(`{"auths":"${CANARY}"}`) } },
    secret({ "r.example": { auth: `${CANARY}!` } }),
    secret({ "r.example": { auth: base64(CANARY) } }),
    secret({ "r.example": { auth: { [CANARY]: 1 }, username: 5 } }),
  ];
  for (const each of broken) {
    assert.throws(
      () => parsePullSecrets([each]),
      (error) =>
        error instanceof OciError &&
        error.code === "ERR_OCI_AUTH_FILE_INVALID" &&
        !error.message.includes(CANARY) &&
        !error.message.includes(base64(CANARY)),
    );
  }
});
