/** Manifests by one request, and the signatures that a registry keeps itself. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../src/core/digest.ts";
import { OCI_MANIFEST } from "../../src/core/media-types.ts";
import { fetchManifest } from "../../src/oci/fetch.ts";
import { createMirroredRegistry, parseRegistriesConf, resolvePullSources } from "../../src/oci/index.ts";
import type { RegistryReply, RegistryRequest } from "../../src/testing/registry-reply.ts";
import { clientFor, pairFor, pushSample, serverFor } from "./registry-setup.ts";

const DIGEST = digestOf("a manifest");

/** Answers as a registry that keeps signatures. */
function keeping(list: unknown, header = "1") {
  return ({ path }: RegistryRequest): RegistryReply | undefined => {
    if (path === "/v2/")
      return { status: 200, headers: { "x-registry-supports-signatures": header }, body: "{}" };
    if (path !== `/extensions/v2/a/b/signatures/${DIGEST}`) return undefined;
    return { status: 200, body: typeof list === "string" ? list : JSON.stringify(list) };
  };
}

const entry = (content: string, change = {}) => ({
  schemaVersion: 2,
  name: `${DIGEST}@1`,
  type: "atomic",
  content: Buffer.from(content).toString("base64"),
  ...change,
});

test("a manifest is read by one request, by tag and by digest", async (t) => {
  const { server, repository } = await pairFor(t);
  const { manifest, bytes } = await pushSample(repository);
  for (const name of ["v1", manifest.digest]) {
    const before = server.requests.length;
    const read = await repository.readManifest(name);
    assert.deepEqual(read.descriptor, {
      mediaType: OCI_MANIFEST,
      digest: manifest.digest,
      size: bytes.byteLength,
    });
    assert.deepEqual(Buffer.from(read.bytes), Buffer.from(bytes));
    const fetched = await fetchManifest(repository, name, { inOneStep: true });
    assert.equal(fetched.kind, "manifest");
    assert.deepEqual(
      server.requests.slice(before).map(({ method }) => method),
      ["GET", "GET"],
    );
  }
});

test("a manifest that is read by one request is bounded and verified", async (t) => {
  const swapped: { body?: string } = {};
  const { repository } = await pairFor(t, {
    alter: (_, reply) => (swapped.body === undefined ? reply : { ...reply, body: swapped.body }),
  });
  const { manifest, bytes } = await pushSample(repository);
  await assert.rejects(repository.readManifest("v1", { maxBytes: bytes.byteLength - 1 }), {
    code: "ERR_TOO_LARGE",
  });
  await assert.rejects(fetchManifest(repository, "v1", { inOneStep: true, maxBytes: bytes.byteLength - 1 }), {
    code: "ERR_TOO_LARGE",
  });
  await repository.readManifest("v1", { maxBytes: bytes.byteLength });
  await assert.rejects(repository.readManifest("none"), { code: "ERR_OCI_NOT_FOUND" });
  await assert.rejects(repository.readManifest("sha256:../x"), { code: "ERR_DIGEST_INVALID" });
  swapped.body = '{"schemaVersion":2}';
  await assert.rejects(repository.readManifest(manifest.digest), { code: "ERR_DIGEST_MISMATCH" });
  const reason = new Error("enough");
  await assert.rejects(repository.readManifest("v1", { signal: AbortSignal.abort(reason) }), reason);
});

test("whether a registry keeps signatures is asked once, and what it keeps is listed", async (t) => {
  const list = {
    signatures: [
      entry("one"),
      entry("two", { type: "other" }),
      entry("three", { schemaVersion: 1 }),
      entry("four"),
    ],
  };
  const { server, repository, registry } = await pairFor(t, { intercept: keeping(list) });
  for (const each of [repository, registry.repository(repository.name), repository]) {
    const signatures = await each.extensionSignatures(DIGEST);
    assert.deepEqual(
      signatures?.map((content) => Buffer.from(content).toString()),
      ["one", "four"],
    );
  }
  assert.equal(server.requests.filter(({ url }) => url === "/v2/").length, 1);
  assert.equal(server.requests.length, 4);
});

test("no signatures is another thing than a registry that keeps none", async (t) => {
  const empty = await pairFor(t, { intercept: keeping({}) });
  assert.deepEqual(await empty.repository.extensionSignatures(DIGEST), []);
  for (const header of ["0", "true", "", "1, 1"]) {
    const { server, repository } = await pairFor(t, { intercept: keeping({}, header) });
    assert.equal(await repository.extensionSignatures(DIGEST), undefined, header);
    assert.deepEqual(
      server.requests.map(({ url }) => url),
      ["/v2/"],
    );
  }
});

test("a registry that does not answer, or answers with something else, is an error each time", async (t) => {
  const failing = await pairFor(t, { intercept: () => ({ status: 503 }) }, { retry: { attempts: 1 } });
  for (let tries = 0; tries < 2; tries++) {
    await assert.rejects(failing.repository.extensionSignatures(DIGEST), { code: "ERR_OCI_STATUS" });
  }
  assert.equal(failing.server.requests.length, 2);
  const lists = [
    "",
    "[]",
    "null",
    '{"signatures":{}}',
    '{"signatures":[1]}',
    '{"signatures":[{"schemaVersion":2,"type":"atomic","content":"*"}]}',
    '{"signatures":[{"schemaVersion":"2","type":"atomic","content":""}]}',
    '{"signatures":[{"schemaVersion":2,"type":"atomic","Type":"other","content":""}]}',
    JSON.stringify({ signatures: Array.from({ length: 129 }, () => entry("x")) }),
  ];
  for (const list of lists) {
    const { repository } = await pairFor(t, { intercept: keeping(list) });
    await assert.rejects(
      repository.extensionSignatures(DIGEST),
      { code: "ERR_OCI_PROTOCOL" },
      list.slice(0, 80),
    );
  }
  const huge = await pairFor(t, { intercept: keeping(" ".repeat(4 * 1024 * 1024 + 1)) });
  await assert.rejects(huge.repository.extensionSignatures(DIGEST), { code: "ERR_TOO_LARGE" });
  const none = await pairFor(t, {
    intercept: ({ path }) =>
      path === "/v2/" ? { status: 200, headers: { "x-registry-supports-signatures": "1" } } : { status: 404 },
  });
  await assert.rejects(none.repository.extensionSignatures(DIGEST), { code: "ERR_OCI_NOT_FOUND" });
  await assert.rejects(none.repository.extensionSignatures("sha256:../x"), { code: "ERR_DIGEST_INVALID" });
});

test("the question needs no log-in, the list does", async (t) => {
  const answer = keeping({ signatures: [entry("one")] });
  const challenge = { status: 401, headers: { "www-authenticate": 'Basic realm="r"' } };
  const { server } = await pairFor(t, {
    intercept(request) {
      if (request.path === "/v2/")
        return { ...challenge, headers: { ...challenge.headers, "x-registry-supports-signatures": "1" } };
      return request.headers.authorization === undefined ? challenge : answer(request);
    },
  });
  const registry = clientFor(t, {
    credentials: async () => ({ kind: "password", username: "me", password: "secret" }),
  });
  const signatures = await registry.repository(`${server.host}/a/b`).extensionSignatures(DIGEST);
  assert.equal(signatures?.length, 1);
  const asked = server.requests.map(({ url, headers }) => [url, headers["authorization"] !== undefined]);
  const list = `/extensions/v2/a/b/signatures/${DIGEST}`;
  assert.deepEqual(asked, [
    ["/v2/", false],
    [list, false],
    [list, true],
  ]);
});

test("what goes with an image is read at the place of the image alone", async (t) => {
  const [mirror, upstream] = [await serverFor(t), await serverFor(t)];
  const client = clientFor(t, { retry: { attempts: 1 } });
  const { manifest } = await pushSample(client.repository(`${mirror.host}/m/b`));
  const other = await pushSample(client.repository(`${upstream.host}/a/b`), 10);
  await client.repository(`${upstream.host}/a/b`).tag(other.manifest, "extra");
  const config = parseRegistriesConf([
    {
      name: "registries.conf",
      text: `[[registry]]\nprefix = "images.example/a"\nlocation = "${upstream.host}/a"\ninsecure = true\n[[registry.mirror]]\nlocation = "${mirror.host}/m"\ninsecure = true\n`,
    },
  ]);
  const registry = createMirroredRegistry(client, {
    sources: (reference) => resolvePullSources(reference, { kind: "registries-conf", config }),
  });
  const repository = registry.repository("images.example/a/b");
  const before = mirror.requests.length;
  const { bytes, descriptor } = await repository.readManifest("v1");
  assert.equal(descriptor.digest, manifest.digest);
  assert.equal(digestOf(bytes), manifest.digest);
  assert.equal(mirror.requests.length - before, 1);
  const { attempt } = await repository.resolveFrom("v1");
  const place = repository.only(attempt);
  assert.equal(place.name, `${mirror.host}/m/b`);
  assert.equal(mirror.requests.length - before, 1, "the answer is known");
  assert.equal((await repository.resolve("extra")).digest, other.manifest.digest);
  await assert.rejects(place.resolve("extra"), { code: "ERR_OCI_NOT_FOUND" });
  await assert.rejects(place.readManifest("extra"), { code: "ERR_OCI_NOT_FOUND" });
  assert.equal(await place.extensionSignatures(DIGEST), undefined);
});
