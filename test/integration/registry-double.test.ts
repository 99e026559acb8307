import assert from "node:assert/strict";
import { test } from "node:test";
import { type Digest, digestOf } from "../../src/core/digest.ts";
import { OCI_INDEX, OCI_MANIFEST } from "../../src/core/media-types.ts";
import { emptyContent, packArtifact, packIndex, packManifest } from "../../src/oci/artifact.ts";
import { startRegistry, type TestRegistry } from "../../src/testing/registry.ts";
import { serverFor } from "./registry-setup.ts";

/** Sends a request without any client of ours in between. */
function send(server: TestRegistry, method: string, path: string, init: RequestInit = {}): Promise<Response> {
  const url = path.startsWith("/") ? `${server.url}${path}` : path;
  return fetch(url, { method, redirect: "manual", ...init });
}

function location(server: TestRegistry, response: Response): URL {
  return new URL(response.headers.get("location") ?? "", server.url);
}

function withDigest(url: URL, digest: string): string {
  url.searchParams.append("digest", digest);
  return url.href;
}

async function pushBlob(server: TestRegistry, name: string, content: Uint8Array | string): Promise<Digest> {
  const digest = digestOf(content);
  const { status } = await send(server, "POST", `/v2/${name}/blobs/uploads/?digest=${digest}`, {
    body: Buffer.from(content),
  });
  assert.equal(status, 201);
  return digest;
}

async function pushManifest(
  server: TestRegistry,
  name: string,
  reference: string,
  body: Uint8Array,
  type = OCI_MANIFEST,
) {
  return send(server, "PUT", `/v2/${name}/manifests/${reference}`, {
    body: Buffer.from(body),
    headers: { "Content-Type": type },
  });
}

const content = Buffer.alloc(2048, "0123456789");

test("the base answers, other paths do not", async (t) => {
  const server = await serverFor(t);
  assert.equal((await send(server, "GET", "/v2/")).status, 200);
  for (const path of ["/", "/v1/", "/v2/a/b", "/v2/a/blobs/", "/v2/a/other/x"]) {
    assert.equal((await send(server, "GET", path)).status, 404, path);
  }
  assert.equal((await send(server, "GET", "/v2/A/tags/list")).status, 400);
});

test("a blob is read whole and in ranges", async (t) => {
  const server = await serverFor(t);
  const digest = await pushBlob(server, "a", content);
  const path = `/v2/a/blobs/${digest}`;
  const head = await send(server, "HEAD", path);
  assert.deepEqual([head.status, head.headers.get("content-length")], [200, "2048"]);
  assert.equal(head.headers.get("docker-content-digest"), digest);
  assert.deepEqual(Buffer.from(await (await send(server, "GET", path)).arrayBuffer()), content);
  const ranges: [string, number, string | null, number][] = [
    ["bytes=500-1499", 206, "bytes 500-1499/2048", 1000],
    ["bytes=500-", 206, "bytes 500-2047/2048", 1548],
    ["bytes=-500", 206, "bytes 1548-2047/2048", 500],
    ["bytes=2000-5000", 206, "bytes 2000-2047/2048", 48],
    ["bytes=-5000", 206, "bytes 0-2047/2048", 2048],
    ["bytes=500-0", 416, "bytes */2048", -1],
    ["bytes=5000-10000", 416, "bytes */2048", -1],
    ["bytes=-0", 416, "bytes */2048", -1],
    ["lines=1-2", 200, null, 2048],
    ["bytes=-", 200, null, 2048],
  ];
  for (const [range, status, contentRange, length] of ranges) {
    const response = await send(server, "GET", path, { headers: { Range: range } });
    assert.deepEqual([response.status, response.headers.get("content-range")], [status, contentRange], range);
    const body = await response.arrayBuffer();
    if (length >= 0) assert.equal(body.byteLength, length, range);
  }
  assert.equal((await send(server, "GET", `/v2/a/blobs/${digestOf("x")}`)).status, 404);
  assert.equal((await send(server, "GET", "/v2/a/blobs/sha256:bad")).status, 400);
  assert.equal((await send(server, "PATCH", path)).status, 405);
  assert.equal((await send(server, "DELETE", path)).status, 202);
  assert.equal((await send(server, "HEAD", path)).status, 404);
  assert.equal((await send(server, "DELETE", path)).status, 404);
});

test("a blob is pushed in chunks, in order only", async (t) => {
  const server = await serverFor(t);
  for (const lastInPut of [false, true]) {
    const chunks = [content.subarray(0, 1000), content.subarray(1000, 2000), content.subarray(2000)];
    let at = location(server, await send(server, "POST", "/v2/a/blobs/uploads/"));
    let offset = 0;
    for (const [i, chunk] of chunks.entries()) {
      const range = `${offset}-${offset + chunk.length - 1}`;
      if (lastInPut && i === 2) {
        const put = { body: chunk, headers: { "Content-Range": range } };
        assert.equal((await send(server, "PUT", withDigest(at, digestOf(content)), put)).status, 201);
        break;
      }
      const ahead = {
        body: chunk,
        headers: { "Content-Range": `${offset + 7}-${offset + 6 + chunk.length}` },
      };
      const refused = await send(server, "PATCH", at.href, ahead);
      assert.equal(refused.status, 416);
      const state = await send(server, "GET", at.href);
      assert.equal(state.status, 204);
      assert.equal(state.headers.get("range"), offset === 0 ? null : `0-${offset - 1}`);
      const stale = at;
      const accepted = await send(server, "PATCH", at.href, {
        body: chunk,
        headers: { "Content-Range": range },
      });
      assert.equal(accepted.status, 202);
      at = location(server, accepted);
      assert.equal((await send(server, "GET", stale.href)).status, 404);
      offset += chunk.length;
    }
    if (!lastInPut) assert.equal((await send(server, "PUT", withDigest(at, digestOf(content)))).status, 201);
    const read = await send(server, "GET", `/v2/a/blobs/${digestOf(content)}`);
    assert.deepEqual(Buffer.from(await read.arrayBuffer()), content);
    await send(server, "DELETE", `/v2/a/blobs/${digestOf(content)}`);
  }
});

test("content that does not match its digest is refused on every way", async (t) => {
  const server = await serverFor(t);
  const digest = digestOf("other");
  const post = await send(server, "POST", `/v2/a/blobs/uploads/?digest=${digest}`, { body: content });
  assert.equal(post.status, 400);
  const at = location(server, await send(server, "POST", "/v2/a/blobs/uploads/"));
  assert.equal((await send(server, "PUT", withDigest(at, digest), { body: content })).status, 400);
  const open = location(server, await send(server, "POST", "/v2/a/blobs/uploads/"));
  assert.equal((await send(server, "PUT", open.href, { body: content })).status, 400);
  assert.equal((await send(server, "DELETE", open.href)).status, 204);
  assert.equal((await send(server, "GET", open.href)).status, 404);
  const long = digestOf(content, "sha512");
  assert.equal(
    (await send(server, "POST", `/v2/a/blobs/uploads/?digest=${long}`, { body: content })).status,
    201,
  );
});

test("a blob is mounted where it is, and an upload starts where it is not", async (t) => {
  const server = await serverFor(t);
  const digest = await pushBlob(server, "source", content);
  for (const query of [`mount=${digest}&from=source`, `mount=${digest}`]) {
    const response = await send(server, "POST", `/v2/target/blobs/uploads/?${query}`);
    assert.equal(response.status, 201);
    assert.equal((await send(server, "GET", location(server, response).href)).status, 200);
  }
  const missing = await send(server, "POST", `/v2/target/blobs/uploads/?mount=${digestOf("x")}&from=source`);
  assert.equal(missing.status, 202);
});

test("manifests are stored byte for byte and checked", async (t) => {
  const server = await serverFor(t);
  const empty = emptyContent();
  await pushBlob(server, "a", empty.content);
  const { bytes, descriptor } = packManifest({ artifactType: "application/x" });
  const put = await pushManifest(server, "a", "v1", bytes);
  assert.equal(put.status, 201);
  for (const reference of ["v1", descriptor.digest]) {
    const read = await send(server, "GET", `/v2/a/manifests/${reference}`);
    assert.deepEqual(Buffer.from(await read.arrayBuffer()), Buffer.from(bytes));
    assert.equal(read.headers.get("content-type"), OCI_MANIFEST);
    assert.equal(read.headers.get("docker-content-digest"), descriptor.digest);
  }
  const refused: [reference: string, body: Uint8Array, type: string, code: string][] = [
    [descriptor.digest, Buffer.concat([bytes, Buffer.from("  ")]), OCI_MANIFEST, "DIGEST_INVALID"],
    ["sha256:bad", bytes, OCI_MANIFEST, "DIGEST_INVALID"],
    ["v2", Buffer.from("{}"), OCI_MANIFEST, "MANIFEST_INVALID"],
    ["v2", bytes, OCI_INDEX, "MANIFEST_INVALID"],
    ["v2", bytes, "application/json", "MANIFEST_INVALID"],
    [
      "v2",
      packArtifact({ artifactType: "a/b", files: [{ content: Buffer.from("missing") }] }).manifest.bytes,
      OCI_MANIFEST,
      "MANIFEST_BLOB_UNKNOWN",
    ],
  ];
  for (const [reference, body, type, code] of refused) {
    const response = await pushManifest(server, "a", reference, body, type);
    assert.equal(response.status, 400, code);
    assert.equal(((await response.json()) as { errors: { code: string }[] }).errors[0]?.code, code);
  }
  const large = packManifest({ artifactType: "a/b", annotations: { a: "a".repeat(4_100_000) } });
  assert.equal((await pushManifest(server, "a", "large", large.bytes)).status, 201);
  const both = await pushManifest(server, "a", `${descriptor.digest}?tag=x&tag=y`, bytes);
  assert.deepEqual([both.status, both.headers.get("oci-tag")], [201, "x, y"]);
  assert.equal((await send(server, "DELETE", "/v2/a/manifests/x")).status, 202);
  assert.equal((await send(server, "HEAD", "/v2/a/manifests/x")).status, 404);
  assert.equal((await send(server, "DELETE", `/v2/a/manifests/${descriptor.digest}`)).status, 202);
  for (const reference of ["v1", "y", descriptor.digest]) {
    assert.equal((await send(server, "HEAD", `/v2/a/manifests/${reference}`)).status, 404);
  }
});

test("an index needs its entries, unless the registry is told otherwise", async (t) => {
  const artifact = packArtifact({ artifactType: "a/b", files: [] });
  const index = packIndex([{ graph: artifact }]).manifest;
  const strict = await serverFor(t);
  assert.equal((await pushManifest(strict, "a", "v1", index.bytes, OCI_INDEX)).status, 400);
  const lenient = await serverFor(t, { allowMissing: true });
  assert.equal((await pushManifest(lenient, "a", "v1", index.bytes, OCI_INDEX)).status, 201);
  const nested = packIndex([{ graph: { manifest: index, blobs: [], children: [] } }]).manifest;
  assert.equal((await pushManifest(lenient, "a", "v2", nested.bytes, OCI_INDEX)).status, 201);
});

test("tags and repositories are listed in pages", async (t) => {
  const server = await serverFor(t, { allowMissing: true });
  assert.equal((await send(server, "GET", "/v2/a/tags/list")).status, 404);
  const { bytes } = packManifest({ artifactType: "a/b" });
  for (const tag of ["b", "a", "C", "d"]) await pushManifest(server, "a", tag, bytes);
  await pushManifest(server, "b", "x", bytes);
  const seen: string[] = [];
  let next: string | undefined = "/v2/a/tags/list?n=3";
  while (next) {
    const response: Response = await send(server, "GET", next);
    seen.push(...((await response.json()) as { tags: string[] }).tags, "|");
    next = /<([^>]+)>; rel="next"/.exec(response.headers.get("link") ?? "")?.[1];
  }
  assert.deepEqual(seen, ["C", "a", "b", "|", "d", "|"]);
  const tagsOf = async (query: string) =>
    ((await (await send(server, "GET", `/v2/a/tags/list?${query}`)).json()) as { tags: string[] }).tags;
  assert.deepEqual(await tagsOf("last=a"), ["b", "d"]);
  assert.deepEqual(await tagsOf("n=0"), []);
  assert.deepEqual(await (await send(server, "GET", "/v2/_catalog")).json(), { repositories: ["a", "b"] });
});

test("referrers are listed with type and annotations, filtered, also for an unknown subject", async (t) => {
  const server = await serverFor(t, { allowMissing: true });
  const subject = packManifest({ artifactType: "a/subject" }).descriptor;
  const one = packManifest({ artifactType: "a/one", subject, annotations: { k: "v" } });
  const config = { ...emptyContent().descriptor, mediaType: "a/config" };
  const two = packManifest({ config, subject });
  const three = packIndex([], { subject }).manifest;
  for (const manifest of [one, two, three]) {
    const { bytes, mediaType, descriptor } = manifest;
    const put = await pushManifest(server, "a", descriptor.digest, bytes, mediaType);
    assert.equal(put.headers.get("oci-subject"), subject.digest);
  }
  const list = async (query = "") => {
    const response = await send(server, "GET", `/v2/a/referrers/${subject.digest}${query}`);
    assert.equal(response.headers.get("content-type"), OCI_INDEX);
    const index = (await response.json()) as {
      manifests: { digest: string; artifactType?: string; annotations?: object }[];
    };
    return { filters: response.headers.get("oci-filters-applied"), manifests: index.manifests };
  };
  const all = await list();
  assert.equal(all.filters, null);
  const types = Object.fromEntries(all.manifests.map(({ digest, artifactType }) => [digest, artifactType]));
  assert.deepEqual(types, {
    [one.descriptor.digest]: "a/one",
    [two.descriptor.digest]: "a/config",
    [three.descriptor.digest]: undefined,
  });
  assert.deepEqual(all.manifests.find(({ digest }) => digest === one.descriptor.digest)?.annotations, {
    k: "v",
  });
  const filtered = await list("?artifactType=a/one");
  assert.equal(filtered.filters, "artifactType");
  assert.deepEqual(
    filtered.manifests.map(({ digest }) => digest),
    [one.descriptor.digest],
  );
  const none = await send(server, "GET", `/v2/other/referrers/${digestOf("x")}`);
  assert.deepEqual(((await none.json()) as { manifests: [] }).manifests, []);
  assert.equal((await send(server, "GET", "/v2/a/referrers/sha256:bad")).status, 400);
});

test("the referrers API can be missing, announced or not", async (t) => {
  for (const referrers of ["off", "announced-only"] as const) {
    const server = await serverFor(t, { allowMissing: true, referrers });
    const subject = packManifest({ artifactType: "a/subject" }).descriptor;
    const put = await pushManifest(server, "a", "v1", packManifest({ artifactType: "a/b", subject }).bytes);
    assert.equal(put.headers.has("oci-subject"), referrers === "announced-only");
    const response = await send(server, "GET", `/v2/a/referrers/${subject.digest}`);
    assert.deepEqual([response.status, response.headers.get("content-type")], [404, "text/plain"]);
  }
});

test("what is stored is bounded", async (t) => {
  const server = await serverFor(t, { maxBlobBytes: 1000, maxManifestBytes: 300, maxStoredBytes: 1500 });
  assert.equal(
    (await send(server, "POST", `/v2/a/blobs/uploads/?digest=${digestOf(content)}`, { body: content }))
      .status,
    413,
  );
  const at = location(server, await send(server, "POST", "/v2/a/blobs/uploads/"));
  const patched = await send(server, "PATCH", at.href, { body: content.subarray(0, 900) });
  const next = location(server, patched).href;
  assert.equal((await send(server, "PATCH", next, { body: content.subarray(0, 101) })).status, 413);
  const beside = await send(server, "POST", `/v2/a/blobs/uploads/?digest=${digestOf("x")}`, {
    body: content.subarray(0, 601),
  });
  assert.equal(beside.status, 507, "unfinished uploads count");
  assert.equal((await send(server, "DELETE", next)).status, 204);
  await pushBlob(server, "a", content.subarray(0, 1000));
  const full = await send(server, "POST", `/v2/a/blobs/uploads/?digest=${digestOf("x")}`, {
    body: content.subarray(0, 600),
  });
  assert.equal(full.status, 507);
  const { bytes } = packManifest({ artifactType: "a/b" });
  assert.ok(bytes.byteLength > 300);
  assert.equal((await pushManifest(server, "a", "v1", bytes)).status, 413);
});

test("a token is good for what it was issued for", async (t) => {
  const server = await serverFor(t, {
    auth: {
      kind: "bearer",
      users: { alice: "secret" },
      allow: (user, repository, action) => user === "alice" || (repository === "public" && action === "pull"),
    },
  });
  const token = async (query: string, authorization?: string) => {
    const headers: Record<string, string> =
      authorization === undefined ? {} : { Authorization: authorization };
    return send(server, "GET", `/token?service=lading-testing&${query}`, { headers });
  };
  const basic = `Basic ${Buffer.from("alice:secret").toString("base64")}`;
  const bearerOf = async (response: Response) =>
    `Bearer ${((await response.json()) as { token: string }).token}`;
  const pull = await bearerOf(await token("scope=repository:a:pull", basic));
  const anonymous = await bearerOf(await token("scope=repository:a:pull&scope=repository:public:pull,push"));
  const ask = async (method: string, path: string, authorization: string) => {
    const response = await send(server, method, path, { headers: { Authorization: authorization } });
    return `${response.status} ${/error="([a-z_]+)"/.exec(response.headers.get("www-authenticate") ?? "")?.[1] ?? ""}`;
  };
  assert.equal(await ask("GET", "/v2/a/tags/list", pull), "404 ");
  assert.equal(await ask("POST", "/v2/a/blobs/uploads/", pull), "401 insufficient_scope");
  assert.equal(await ask("GET", "/v2/b/tags/list", pull), "401 insufficient_scope");
  assert.equal(await ask("GET", "/v2/a/tags/list", anonymous), "401 insufficient_scope");
  assert.equal(await ask("GET", "/v2/public/tags/list", anonymous), "404 ");
  assert.equal(await ask("POST", "/v2/public/blobs/uploads/", anonymous), "401 insufficient_scope");
  assert.equal(await ask("GET", "/v2/_catalog", pull), "401 insufficient_scope");
  assert.equal(await ask("GET", "/v2/a/tags/list", "Bearer forged"), "401 invalid_token");
  const catalog = await bearerOf(await token("scope=registry:catalog:*", basic));
  assert.equal(await ask("GET", "/v2/_catalog", catalog), "200 ");
  assert.equal((await token("scope=repository:a:pull", "Basic YWxpY2U6d3Jvbmc=")).status, 401);
  assert.equal((await send(server, "GET", "/token?service=other")).status, 400);
  const challenge = (await send(server, "GET", "/v2/a/tags/list")).headers.get("www-authenticate");
  assert.equal(
    challenge,
    `Bearer realm="${server.url}/token",service="lading-testing",scope="repository:a:pull"`,
  );
});

test("a mount does not reveal what the caller may not read", async (t) => {
  const server = await serverFor(t, { auth: { kind: "bearer", users: { alice: "secret" } } });
  const headersFor = async (scope: string) => {
    const basic = `Basic ${Buffer.from("alice:secret").toString("base64")}`;
    const response = await send(server, "GET", `/token?service=lading-testing&${scope}`, {
      headers: { Authorization: basic },
    });
    return { Authorization: `Bearer ${((await response.json()) as { token: string }).token}` };
  };
  const source = await headersFor("scope=repository:secret:pull,push");
  const digest = digestOf(content);
  await send(server, "POST", `/v2/secret/blobs/uploads/?digest=${digest}`, {
    body: content,
    headers: source,
  });
  const mount = async (scope: string) =>
    (
      await send(server, "POST", `/v2/b/blobs/uploads/?mount=${digest}&from=secret`, {
        headers: await headersFor(scope),
      })
    ).status;
  assert.equal(await mount("scope=repository:b:pull,push"), 202);
  assert.equal(await mount("scope=repository:b:pull,push&scope=repository:secret:pull"), 201);
});

test("closing is final, and can be asked for twice", async () => {
  const server = await startRegistry();
  await send(server, "GET", "/v2/");
  assert.equal(server.requests.at(-1)?.status, 200);
  assert.ok(server.connections.made >= 1);
  await server.close();
  await server[Symbol.asyncDispose]();
  assert.equal(server.connections.open, 0);
  await assert.rejects(send(server, "GET", "/v2/"));
});

test("an answer that a test's hook fails to give breaks the connection", async (t) => {
  const server = await serverFor(t, {
    intercept: () => {
      throw new Error("in the hook");
    },
  });
  await assert.rejects(send(server, "GET", "/v2/"));
});
