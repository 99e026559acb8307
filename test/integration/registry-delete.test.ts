import assert from "node:assert/strict";
import { test } from "node:test";
import { OCI_MANIFEST } from "../../src/core/media-types.ts";
import { describeContent } from "../../src/oci/index.ts";
import { clientFor, pairFor, pushSample, serverFor } from "./registry-setup.ts";

test("a tag, a manifest and a blob are deleted, each alone", async (t) => {
  const { repository } = await pairFor(t);
  const { blob, manifest } = await pushSample(repository);
  await repository.tag(manifest, "v2");
  await repository.deleteTag("v1");
  await assert.rejects(repository.resolve("v1"), { code: "ERR_OCI_NOT_FOUND" });
  assert.deepEqual(await repository.resolve("v2"), manifest);
  await repository.delete(manifest);
  assert.equal(await repository.exists(manifest), false);
  assert.equal(await repository.exists(blob), true);
  await repository.delete(blob);
  assert.equal(await repository.exists(blob), false);
  await assert.rejects(repository.delete(blob), { code: "ERR_OCI_NOT_FOUND" });
  await assert.rejects(repository.delete(manifest), { code: "ERR_OCI_NOT_FOUND" });
});

test("a registry that deletes nothing says so; another refusal keeps its own code", async (t) => {
  let status = 405;
  const { repository } = await pairFor(t, {
    intercept: ({ method }) => (method === "DELETE" ? { status } : undefined),
  });
  const { blob, manifest } = await pushSample(repository);
  const unsupported = { code: "ERR_OCI_UNSUPPORTED" };
  await assert.rejects(repository.delete(manifest), { ...unsupported, statusCode: 405, method: "DELETE" });
  await assert.rejects(repository.delete(blob), unsupported);
  await assert.rejects(repository.deleteTag("v1"), unsupported);
  status = 400;
  await assert.rejects(repository.delete(manifest), unsupported);
  await assert.rejects(repository.deleteTag("v1"), unsupported);
  await assert.rejects(repository.delete(blob), { code: "ERR_OCI_STATUS", statusCode: 400 });
  status = 403;
  await assert.rejects(repository.delete(manifest), { code: "ERR_OCI_DENIED" });
  assert.ok(await repository.exists(manifest));
  await assert.rejects(repository.deleteTag("../../x"), { code: "ERR_REFERENCE_INVALID" });
  await assert.rejects(repository.delete({ ...blob, digest: "sha256:../x" as never }), {
    code: "ERR_DIGEST_INVALID",
  });
});

test("a manifest that cannot be read is deleted all the same", async (t) => {
  const content = Buffer.from("no JSON");
  const broken = describeContent(content, OCI_MANIFEST);
  const { server, repository } = await pairFor(t, {
    intercept: ({ method }) =>
      method === "DELETE"
        ? { status: 202 }
        : { status: 200, headers: { "Content-Type": OCI_MANIFEST }, body: content },
  });
  await repository.delete(broken);
  assert.equal(server.requests.at(-1)?.method, "DELETE");
});

test("deletion asks for a scope that allows it", async (t) => {
  const server = await serverFor(t, { auth: { kind: "bearer", users: { alice: "secret" } } });
  const repository = clientFor(t, {
    credentials: () => ({ kind: "password", username: "alice", password: "secret" }),
  }).repository(`${server.host}/a/b`);
  const { manifest } = await pushSample(repository);
  await repository.delete(manifest);
  assert.ok(server.requests.some(({ url }) => /scope=repository%3Aa%2Fb%3Adelete%2Cpull\b/.test(url)));
});

test("a blob is mounted from a repository, from any, or not at all", async (t) => {
  const { server, registry, repository } = await pairFor(t);
  const { blob, content } = await pushSample(repository);
  const target = registry.repository(`${server.host}/c`);
  const before = server.requests.length;
  assert.equal(await target.mount(blob, repository.name), true);
  assert.ok(await target.exists(blob));
  assert.equal(await registry.repository(`${server.host}/d`).mount(blob, "a/b"), true);
  assert.equal(await registry.repository(`${server.host}/e`).mount(blob, null), true);
  assert.equal(await registry.repository(`${server.host}/f`).mount(blob, "nothing/here"), false);
  await assert.rejects(target.mount(blob, "../x"), { code: "ERR_REFERENCE_INVALID" });
  const asked = server.requests.slice(before);
  assert.equal(asked.at(0)?.url, `/v2/c/blobs/uploads/?mount=${encodeURIComponent(blob.digest)}&from=a%2Fb`);
  // The session that was started in place of the mount is given up.
  assert.deepEqual([asked.at(-1)?.method, asked.at(-1)?.status], ["DELETE", 204]);
  // In a push, that session is used.
  const other = registry.repository(`${server.host}/g`);
  const pushed = server.requests.length;
  await other.push(blob, content, { mountFrom: "nothing/here" });
  assert.deepEqual(
    server.requests.slice(pushed).map(({ method }) => method),
    ["HEAD", "POST", "PUT"],
  );
  const mounted = server.requests.length;
  await registry.repository(`${server.host}/h`).push(blob, content, { mountFrom: repository.name });
  assert.deepEqual(
    server.requests.slice(mounted).map(({ method }) => method),
    ["HEAD", "POST"],
  );
});

test("a mount that is refused is no failure; one that fails is", async (t) => {
  for (const status of [400, 401, 403, 404, 405]) {
    const { server, repository } = await pairFor(t, {
      intercept: ({ query }) => (query.has("mount") ? { status } : undefined),
    });
    const content = Buffer.from("content");
    const blob = describeContent(content, "a/b");
    assert.equal(await repository.mount(blob, "c"), false);
    await repository.push(blob, content, { mountFrom: "c" });
    assert.ok(await repository.exists(blob), String(status));
    assert.ok(server.requests.some(({ url }) => url.includes("from=c")));
  }
  const { repository } = await pairFor(t, { intercept: () => ({ status: 500 }) });
  await assert.rejects(repository.mount(describeContent(Buffer.from("x"), "a/b"), "c"), {
    code: "ERR_OCI_STATUS",
  });
  const { repository: liar } = await pairFor(t, {
    intercept: () => ({ status: 201, headers: { "Docker-Content-Digest": `sha256:${"0".repeat(64)}` } }),
  });
  await assert.rejects(liar.mount(describeContent(Buffer.from("x"), "a/b"), "c"), {
    code: "ERR_DIGEST_MISMATCH",
  });
});

test("a mount asks for a token that may read the source", async (t) => {
  const server = await serverFor(t, { auth: { kind: "bearer", users: { alice: "secret" } } });
  const registry = clientFor(t, {
    credentials: () => ({ kind: "password", username: "alice", password: "secret" }),
  });
  const { blob } = await pushSample(registry.repository(`${server.host}/a/b`));
  assert.equal(await registry.repository(`${server.host}/c`).mount(blob, "a/b"), true);
  const token = server.requests.filter(({ url }) => url.startsWith("/token")).at(-1)?.url ?? "";
  assert.deepEqual(new URL(token, server.url).searchParams.getAll("scope"), [
    "repository:a/b:pull",
    "repository:c:pull,push",
  ]);
});
