/** What the in-process registry does beyond the conformance suite: conditions, limits, content put in, other kinds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../src/core/digest.ts";
import { OCI_MANIFEST } from "../../src/core/media-types.ts";
import { packArtifact, packIndex, packManifest } from "../../src/oci/artifact.ts";
import { parseWarning } from "../../src/oci/warning.ts";
import { startRegistry } from "../../src/testing/index.ts";
import { serverFor } from "./registry-setup.ts";
import {
  ask,
  bytesOf,
  codeOf,
  locationOf,
  OCTETS,
  pushBlob,
  putManifest,
  sendChunk,
  startUpload,
} from "./registry-wire.ts";

const content = Buffer.alloc(2048, "0123456789");
const one = packManifest({ artifactType: "a/one" });
const two = packManifest({ artifactType: "a/two" });

test("content is put in without requests, and told", async (t) => {
  const server = await serverFor(t);
  const blob = server.addBlob("a", content, { mediaType: "a/b", algorithm: "sha512" });
  assert.deepEqual(blob, { mediaType: "a/b", digest: digestOf(content, "sha512"), size: 2048 });
  assert.deepEqual(await bytesOf(await ask(`${server.url}/v2/a/blobs/${blob.digest}`)), content);
  const graph = packIndex([{ graph: packArtifact({ artifactType: "a/b", files: [{ content }] }) }]);
  const index = server.addImage("b/c", graph, { tags: ["v1", "v2"] });
  assert.deepEqual(index, graph.manifest.descriptor);
  for (const tag of ["v1", "v2"]) {
    const read = await ask(`${server.url}/v2/b/c/manifests/${tag}`);
    assert.deepEqual(await bytesOf(read), Buffer.from(graph.manifest.bytes));
  }
  const held = server.stored("b/c");
  assert.deepEqual(held.tags, { v1: index.digest, v2: index.digest });
  assert.ok(held.blobs.includes(digestOf(content)) && held.manifests.length === 2 && held.uploads === 0);
  assert.deepEqual(server.stored("never"), { blobs: [], manifests: [], tags: {}, uploads: 0 });
  assert.equal((await ask(`${server.url}/v2/never/tags/list`)).status, 404, "looking makes no repository");
  const more = server.addManifest("a", one.bytes, { algorithm: "sha512", tags: ["x"] });
  assert.equal(more.digest, digestOf(one.bytes, "sha512"));
  assert.throws(() => server.addBlob("A", content), TypeError);
  assert.throws(() => server.addImage("", graph), TypeError);
  assert.throws(() => server.addManifest("a", one.bytes, { tags: ["-"] }), TypeError);
  assert.throws(() => server.addManifest("a", Buffer.from("{}")), { code: "ERR_OCI_MANIFEST_INVALID" });
});

test("the log tells where requests came from, and on which connection", async (t) => {
  const server = await serverFor(t);
  await Promise.all([1, 2].map(() => ask(`${server.url}/v2/`, "GET", { headers: { Connection: "close" } })));
  const { requests } = server;
  assert.deepEqual(requests.map(({ connection }) => connection).sort(), [1, 2]);
  assert.equal(new Set(requests.map(({ from }) => from)).size, 2);
  for (const { from } of requests) assert.match(from, /^127\.0\.0\.1:[0-9]+$/);
  assert.deepEqual(server.connections.made, 2);
});

test("reads and writes can depend on what is there", async (t) => {
  const server = await serverFor(t);
  const repository = `${server.url}/v2/a`;
  const put = (bytes: Uint8Array, headers: Record<string, string>) =>
    ask(`${repository}/manifests/v1`, "PUT", {
      body: bytes,
      headers: { "Content-Type": OCI_MANIFEST, ...headers },
    });
  server.addBlob("a", Buffer.from("{}"));
  assert.equal((await put(one.bytes, { "If-Match": "*" })).status, 412, "nothing to match");
  const first = await put(one.bytes, { "If-None-Match": "*" });
  const tag = first.headers.get("etag") ?? "";
  assert.deepEqual([first.status, tag], [201, `"${one.descriptor.digest}"`]);
  assert.equal((await put(two.bytes, { "If-None-Match": "*" })).status, 412);
  assert.equal((await put(two.bytes, { "If-Match": `"${two.descriptor.digest}"` })).status, 412);
  assert.equal(server.stored("a").tags["v1"], one.descriptor.digest);
  const read = (etag: string) =>
    ask(`${repository}/manifests/v1`, "GET", { headers: { "If-None-Match": etag } });
  const same = await read(`"x", W/${tag}`);
  assert.deepEqual([same.status, await same.text()], [304, ""]);
  assert.equal((await read('"x"')).status, 200);
  assert.equal((await put(two.bytes, { "If-Match": tag })).status, 201);
  assert.equal((await read(tag)).status, 200);

  const blob = server.addBlob("a", content);
  const ranged = (etag: string) =>
    ask(`${repository}/blobs/${blob.digest}`, "GET", { headers: { Range: "bytes=0-9", "If-Range": etag } });
  assert.equal((await ranged(`"${blob.digest}"`)).status, 206);
  assert.equal((await ranged('"old"')).status, 200);
});

test("warnings are on every answer, and can be read", async (t) => {
  const texts = ['say "hi" \\ bye', "second"];
  const server = await serverFor(t, { warnings: texts });
  const answer = await ask(`${server.url}/v2/a/tags/list`);
  assert.equal(answer.status, 404);
  const lines = (answer.headers.get("warning") ?? "").split(/, (?=299)/);
  assert.deepEqual(
    lines.map((line) => parseWarning(line)?.text),
    texts,
  );
});

test("a limit of reads is told, reached, and over with its time", async (t) => {
  let now = 1000;
  const server = await serverFor(t, { rateLimit: { limit: 2, windowSeconds: 60, now: () => now } });
  server.addManifest("a", one.bytes, { tags: ["v1"] });
  const read = async (method: string) => {
    const { status, headers } = await ask(`${server.url}/v2/a/manifests/v1`, method);
    return [
      status,
      headers.get("ratelimit-limit"),
      headers.get("ratelimit-remaining"),
      headers.get("retry-after"),
    ];
  };
  assert.deepEqual(await read("HEAD"), [200, "2;w=60", "2;w=60", null]);
  assert.deepEqual(await read("GET"), [200, "2;w=60", "1;w=60", null]);
  assert.deepEqual(await read("GET"), [200, "2;w=60", "0;w=60", null]);
  now += 20_500;
  assert.deepEqual(await read("GET"), [429, "2;w=60", "0;w=60", "40"]);
  assert.deepEqual(await read("HEAD"), [200, "2;w=60", "0;w=60", null]);
  now += 39_500;
  assert.deepEqual(await read("GET"), [200, "2;w=60", "1;w=60", null]);
});

test("each connection gets so many bytes a second, and several share nothing", async (t) => {
  const server = await serverFor(t, { bytesPerSecond: 100_000 });
  const blob = server.addBlob("a", Buffer.alloc(50_000, "x"));
  const read = async () => {
    const started = performance.now();
    const response = await ask(`${server.url}/v2/a/blobs/${blob.digest}`, "GET", {
      headers: { Connection: "close" },
    });
    assert.equal((await bytesOf(response)).length, 50_000);
    return performance.now() - started;
  };
  const times = await Promise.all([read(), read(), read()]);
  assert.equal(server.connections.made, 3);
  for (const ms of times) assert.ok(ms > 400 && ms < 5000, `${ms} ms`);
});

test("an identity token is handed out to who asks for one, and stands for that user", async (t) => {
  const server = await serverFor(t, {
    auth: { kind: "bearer", users: { alice: "secret" }, identityTokens: { fixed: "alice" } },
  });
  const service = "lading-testing";
  const scope = "repository:a:pull,push";
  const basic = { Authorization: `Basic ${Buffer.from("alice:secret").toString("base64")}` };
  const get = async (query: Record<string, string>, headers: Record<string, string> = {}) =>
    ask(`${server.url}/token?${new URLSearchParams({ service, scope, ...query })}`, "GET", { headers });
  const post = async (form: Record<string, string>) =>
    ask(`${server.url}/token`, "POST", { body: `${new URLSearchParams({ service, scope, ...form })}` });
  const tokens = async (response: Response) => {
    assert.equal(response.status, 200);
    return (await response.json()) as { access_token: string; refresh_token?: string };
  };
  assert.equal((await tokens(await get({}, basic))).refresh_token, undefined);
  assert.equal((await tokens(await get({ offline_token: "true" }))).refresh_token, undefined, "nobody's");
  const { refresh_token: first = "" } = await tokens(await get({ offline_token: "true" }, basic));
  const password = { grant_type: "password", username: "alice", password: "secret" };
  const { refresh_token: second = "" } = await tokens(await post({ ...password, access_type: "offline" }));
  assert.notEqual(first, second);
  for (const refreshToken of [first, second, "fixed"]) {
    const refresh = { grant_type: "refresh_token", refresh_token: refreshToken };
    const { access_token: token } = await tokens(await post(refresh));
    const read = await ask(`${server.url}/v2/a/tags/list`, "GET", {
      headers: { Authorization: `Bearer ${token}` },
    });
    assert.equal(read.status, 404, "let in");
  }
  server.revokeTokens();
  assert.equal((await post({ grant_type: "refresh_token", refresh_token: first })).status, 401);
  assert.equal((await post({ ...password, password: "wrong" })).status, 401);
});

test("any number of registries run at a time", async () => {
  const servers = await Promise.all(Array.from({ length: 10 }, () => startRegistry()));
  try {
    assert.equal(new Set(servers.map(({ host }) => host)).size, 10);
    for (const [i, server] of servers.entries()) server.addBlob("a", Buffer.from(String(i)));
    for (const [i, server] of servers.entries()) {
      assert.deepEqual(server.stored("a").blobs, [digestOf(String(i))]);
    }
  } finally {
    await Promise.all(servers.map((server) => server.close()));
  }
});

test("as docker-registry 2.8: uploads", async (t) => {
  const server = await serverFor(t, { behaviour: "docker-registry-2.8" });
  const repository = `${server.url}/v2/a`;
  const digest = digestOf(content);
  const single = await ask(`${repository}/blobs/uploads/?digest=${digest}`, "POST", { body: content });
  assert.equal(single.status, 202, "a digest in POST is not heeded");
  const started = await startUpload(repository);
  assert.match(
    started.headers.get("location") ?? "",
    new RegExp(`^${repository}/blobs/uploads/.+[?]_state=`),
  );
  assert.equal(started.headers.get("range"), "0-0");
  assert.equal(started.headers.get("docker-distribution-api-version"), "registry/2.0");
  const patched = await sendChunk(locationOf(started), content.subarray(0, 1000), 7);
  assert.deepEqual(
    [patched.status, patched.headers.get("range")],
    [202, "0-999"],
    "the place is not checked",
  );
  assert.equal((await ask(locationOf(started))).status, 404, "an old location");
  const put = await ask(locationOf(patched, digest), "PUT", { body: content.subarray(1000) });
  assert.equal(put.status, 201);
  assert.equal((await ask(`${server.url}/v2/b/blobs/uploads/?mount=${digest}`, "POST")).status, 202);
  assert.equal((await ask(`${server.url}/v2/b/blobs/uploads/?mount=${digest}&from=a`, "POST")).status, 201);
  const other = await pushBlob(repository, Buffer.from("other"), "sha512");
  const head = await ask(`${repository}/blobs/${other}`, "HEAD");
  assert.deepEqual([head.status, head.headers.get("docker-content-digest")], [200, digestOf("other")]);
  assert.equal(head.headers.get("content-type"), OCTETS);
});

test("as docker-registry 2.8: manifests, tags, referrers, deletion", async (t) => {
  const server = await serverFor(t, { behaviour: "docker-registry-2.8", maxManifestBytes: 1000 });
  const repository = `${server.url}/v2/a`;
  await pushBlob(repository, Buffer.from("{}"));
  const about = packManifest({ artifactType: "a/b", subject: one.descriptor });
  for (const tag of ["b", "C", "a"])
    assert.equal((await putManifest(repository, tag, one.bytes)).status, 201);
  const put = await putManifest(repository, `${about.descriptor.digest}?tag=x`, about.bytes);
  assert.deepEqual(
    [put.status, put.headers.get("oci-subject"), put.headers.get("oci-tag")],
    [201, null, null],
  );
  assert.ok(put.headers.get("location")?.startsWith(server.url));
  assert.equal((await ask(`${repository}/manifests/x`)).status, 404);
  const wide = await putManifest(repository, digestOf(one.bytes, "sha512"), one.bytes);
  assert.deepEqual([wide.status, await codeOf(wide)], [400, "DIGEST_INVALID"]);
  const large = packManifest({ artifactType: "a/b", annotations: { a: "a".repeat(1000) } });
  const refused = await putManifest(repository, "large", large.bytes);
  assert.deepEqual([refused.status, await codeOf(refused)], [400, "MANIFEST_INVALID"]);
  const read = (accept: string) => ask(`${repository}/manifests/a`, "GET", { headers: { Accept: accept } });
  const hidden = await read("application/json");
  assert.deepEqual([hidden.status, await codeOf(hidden)], [404, "MANIFEST_UNKNOWN"]);
  assert.equal((await read(`application/json, ${OCI_MANIFEST};q=0.5`)).status, 200);
  const list = (await (await ask(`${repository}/tags/list?n=1&last=b`)).json()) as { tags: string[] };
  assert.deepEqual(list.tags.toSorted(), ["C", "a", "b"]);
  assert.equal((await ask(`${repository}/referrers/${one.descriptor.digest}`)).status, 404);
  assert.equal((await ask(`${repository}/manifests/a`, "DELETE")).status, 405);
  const deleting = await serverFor(t, {
    behaviour: "docker-registry-2.8",
    deletion: true,
    allowMissing: true,
  });
  const where = `${deleting.url}/v2/a/manifests`;
  deleting.addManifest("a", one.bytes, { tags: ["a"] });
  assert.equal((await ask(`${where}/a`, "DELETE")).status, 400, "a tag is no digest");
  assert.equal((await ask(`${where}/${one.descriptor.digest}`, "DELETE")).status, 202);
  assert.deepEqual(deleting.stored("a").tags, {});
});
