/** Credential files at work: in requests to registries, and in pulls of a container runtime. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { pullImage } from "../../src/cri/index.ts";
import {
  criCredentials,
  describeContent,
  type LoadCredentialsOptions,
  loadCredentials,
} from "../../src/oci/index.ts";
import { withRuntime } from "./cri-runtime-setup.ts";
import { clientFor, serverFor } from "./registry-setup.ts";

const CANARY = "canary-secret";
const content = new TextEncoder().encode("content");
const blob = describeContent(content, "application/octet-stream");
const auth = (user: string, password: string) => ({
  auth: Buffer.from(`${user}:${password}`).toString("base64"),
});

/** The credentials of a file with a content. */
async function fileCredentials(t: TestContext, file: object, options: LoadCredentialsOptions = {}) {
  const folder = await mkdtemp(join(tmpdir(), "lading-use-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const authFile = join(folder, "auth.json");
  await writeFile(authFile, JSON.stringify(file));
  return loadCredentials({ authFile, env: {}, ...options });
}

test("each repository of one registry is used with the credentials of its own namespace", async (t) => {
  const server = await serverFor(t, {
    auth: {
      kind: "bearer",
      users: { alice: "a", bob: "b" },
      allow: (user, repository) => repository.startsWith(`${user}/`),
    },
  });
  const file = {
    auths: { [`${server.host}/alice`]: auth("alice", "a"), [`${server.host}/bob`]: auth("bob", "b") },
  };
  const registry = clientFor(t, { credentials: await fileCredentials(t, file) });
  for (const user of ["alice", "bob"]) {
    const repository = registry.repository(`${server.host}/${user}/app`);
    await repository.push(blob, content);
    assert.equal(await repository.exists(blob), true);
  }
  await assert.rejects(registry.repository(`${server.host}/alices/app`).exists(blob), {
    code: "ERR_OCI_UNAUTHORIZED",
  });
});

test("an identity token of a file, and one of a helper, is exchanged", async (t) => {
  const server = await serverFor(t, {
    auth: { kind: "bearer", users: {}, identityTokens: { [CANARY]: "alice" } },
  });
  const run = async () => ({
    kind: "ended" as const,
    exitCode: 0,
    stdout: Buffer.from(JSON.stringify({ ServerURL: server.host, Username: "<token>", Secret: CANARY })),
  });
  const files = [
    { auths: { [server.host]: { identitytoken: CANARY } } },
    { credHelpers: { [server.host]: "h" } },
    { credsStore: "h" },
  ];
  for (const file of files) {
    const registry = clientFor(t, { credentials: await fileCredentials(t, file, { run }) });
    await registry.repository(`${server.host}/a/b`).push(blob, content);
  }
});

test("where credentials cannot be had nothing is asked as nobody, even if nobody would be let in", async (t) => {
  const server = await serverFor(t, {
    auth: { kind: "bearer", users: {}, allow: () => true },
  });
  await clientFor(t).repository(`${server.host}/a/b`).push(blob, content);
  const tokenRequests = () => server.requests.filter(({ url }) => url.startsWith("/token")).length;
  assert.notEqual(tokenRequests(), 0);
  const broken: [file: object, code: string][] = [
    [{ auths: CANARY }, "ERR_OCI_AUTH_FILE_INVALID"],
    [{ auths: { [server.host]: { auth: `${CANARY}!` } } }, "ERR_OCI_AUTH_FILE_INVALID"],
    [{ credHelpers: { [server.host]: "absent" } }, "ERR_OCI_CREDENTIAL_HELPER"],
    [{ credHelpers: { [server.host]: "../../bin/sh" } }, "ERR_OCI_CREDENTIAL_HELPER"],
  ];
  for (const [file, code] of broken) {
    const registry = clientFor(t, { credentials: await fileCredentials(t, file) });
    const before = tokenRequests();
    await assert.rejects(registry.repository(`${server.host}/a/b`).exists(blob), (error: Error) => {
      assert.equal("code" in error && error.code, code);
      assert.ok(!`${error.message}${error.stack}${error.cause}`.includes(CANARY));
      return true;
    });
    assert.equal(tokenRequests(), before);
  }
});

test("a password that is wrong stands in no error", async (t) => {
  const server = await serverFor(t, { auth: { kind: "basic", users: { alice: "right" } } });
  const file = { auths: { [server.host]: auth("alice", CANARY) } };
  const registry = clientFor(t, { credentials: await fileCredentials(t, file) });
  await assert.rejects(registry.repository(`${server.host}/a/b`).exists(blob), (error: Error) => {
    assert.equal("code" in error && error.code, "ERR_OCI_UNAUTHORIZED");
    const encoded = auth("alice", CANARY).auth;
    const text = `${error.message}${error.stack}${JSON.stringify(error)}${error.cause}`;
    assert.ok(!text.includes(CANARY) && !text.includes(encoded));
    return true;
  });
});

test("a runtime pulls with the credentials of a file", async (t) => {
  const name = "registry.example:5000/team/app:1";
  const images = [{ name, pulled: false, users: { alice: CANARY } }];
  const file = { auths: { "registry.example:5000/team": auth("alice", CANARY) } };
  const credentials = criCredentials(await fileCredentials(t, file));
  await withRuntime({ images }, async ({ cri }) => {
    await assert.rejects(pullImage(cri, name), { code: "ERR_CRI_UNKNOWN" });
    assert.match(await pullImage(cri, name, { credentials }), /^sha256:/);
  });
});
