import assert from "node:assert/strict";
import { test } from "node:test";
import { describeContent, type EndpointPlace, fetchBlob, resolveEndpoint } from "../../src/oci/index.ts";
import { mintCertificate } from "../../src/testing/certificates.ts";
import type { TestRegistry } from "../../src/testing/registry.ts";
import type { RegistryReply, RegistryRequest } from "../../src/testing/registry-reply.ts";
import { clientFor, pairFor, pushSample, serverFor } from "./registry-setup.ts";

/** Answers below `/mirror/v2` with what another registry has. */
function below(upstream: TestRegistry): (request: RegistryRequest) => Promise<RegistryReply> {
  return async ({ method, path, query, headers, body }) => {
    if (!path.startsWith("/mirror/v2/")) return { status: 410 };
    const search = query.size > 0 ? `?${query}` : "";
    const answer = await fetch(`${upstream.url}${path.slice("/mirror".length)}${search}`, {
      method,
      headers: {
        Accept: String(headers.accept ?? "*/*"),
        "Content-Type": headers["content-type"] ?? "text/plain",
      },
      ...(body.byteLength > 0 ? { body: Buffer.from(body) } : {}),
    });
    const names = ["content-type", "content-length", "docker-content-digest", "location"];
    const kept = names.flatMap((name) => {
      const value = answer.headers.get(name);
      return value === null ? [] : [[name, name === "location" ? `/mirror${value}` : value] as const];
    });
    return {
      status: answer.status,
      headers: Object.fromEntries(kept),
      body: new Uint8Array(await answer.arrayBuffer()),
    };
  };
}

test("an endpoint below a path gets every request, with its headers and its ns", async (t) => {
  const upstream = await serverFor(t);
  const mirror = await serverFor(t, { intercept: below(upstream) });
  const endpoint = resolveEndpoint({
    url: `${mirror.url}/mirror/v2/`,
    namespace: "docker.io",
    headers: { "X-Mirror": ["a", "b"], "user-agent": "own" },
  });
  const repository = clientFor(t).repositoryAt(endpoint, "a/b");
  assert.equal(repository.name, "docker.io/a/b");
  const { blob, content, manifest } = await pushSample(repository);
  assert.deepEqual(await repository.resolve("v1"), manifest);
  assert.deepEqual(Buffer.from(await fetchBlob(repository, blob, { maxBytes: 1000 })), content);
  assert.ok(mirror.requests.length > 8);
  for (const { method, url, headers } of mirror.requests) {
    assert.ok(url.startsWith("/mirror/v2/a/b/"), url);
    // The location of an upload is the registry's own.
    if (method !== "PUT" || url.includes("/manifests/")) assert.match(url, /[?&]ns=docker\.io$/);
    assert.equal(headers["x-mirror"], "a, b");
    assert.equal(headers["user-agent"], "own");
  }
});

test("nothing of an endpoint is sent to where it redirects", async (t) => {
  const storage = await serverFor(t);
  const { blob, content } = await pushSample(clientFor(t).repository(`${storage.host}/a/b`));
  const mirror = await serverFor(t, {
    intercept: ({ path }) => ({ status: 307, headers: { Location: `${storage.url}${path}` } }),
  });
  const endpoint = resolveEndpoint({
    url: `${mirror.url}/v2`,
    headers: { Authorization: "Basic c2VjcmV0", "X-Secret": "1" },
  });
  const before = storage.requests.length;
  const repository = clientFor(t).repositoryAt(endpoint, "a/b");
  assert.deepEqual(Buffer.from(await fetchBlob(repository, blob, { maxBytes: 1000 })), content);
  assert.equal(mirror.requests.at(-1)?.headers.authorization, "Basic c2VjcmV0");
  for (const { headers } of storage.requests.slice(before)) {
    assert.deepEqual([headers.authorization, headers["x-secret"]], [undefined, undefined]);
  }
});

test("a token of one endpoint is not used for another one of the same origin", async (t) => {
  const asked: string[] = [];
  const { server } = await pairFor(t, { auth: { kind: "bearer", users: { alice: "secret", bob: "other" } } });
  const registry = clientFor(t, {
    credentials: (host) => {
      asked.push(host);
      return { kind: "password", username: host, password: host === "alice" ? "secret" : "other" };
    },
  });
  const at = (domain: string) =>
    registry.repositoryAt(
      resolveEndpoint({ url: `${server.url}/v2`, domain, headers: { "X-For": domain } }),
      "a/b",
    );
  await pushSample(at("alice"));
  await at("bob").resolve("v1");
  assert.deepEqual([...new Set(asked)], ["alice", "bob"]);
  const tokens = server.requests.filter(({ url }) => url.startsWith("/token"));
  assert.deepEqual([...new Set(tokens.map(({ headers }) => headers["x-for"]))], ["alice", "bob"]);
});

test("an endpoint is asked only for what it is for, before anything is sent", async (t) => {
  const { server } = await pairFor(t);
  const at = (capabilities: EndpointPlace["capabilities"]) =>
    clientFor(t).repositoryAt(resolveEndpoint({ url: `${server.url}/v2`, capabilities }), "a/b");
  const content = Buffer.from("x");
  const blob = describeContent(content, "a/b");
  const unsupported = { code: "ERR_OCI_UNSUPPORTED" };
  const readOnly = at(["pull", "resolve"]);
  await assert.rejects(readOnly.push(blob, content), unsupported);
  await assert.rejects(readOnly.tag(blob, "v1"), unsupported);
  await assert.rejects(at(["pull"]).resolve("v1"), unsupported);
  const pushOnly = at(["push", "resolve"]);
  await assert.rejects(fetchBlob(pushOnly, blob, { maxBytes: 1 }), unsupported);
  assert.equal(server.requests.length, 0);
});

test("an endpoint that is not for referrers takes a manifest with a subject, and is not asked for them", async (t) => {
  const { server } = await pairFor(t);
  const endpoint = resolveEndpoint({ url: `${server.url}/v2`, capabilities: ["pull", "resolve", "push"] });
  const repository = clientFor(t).repositoryAt(endpoint, "a/b");
  const { manifest: subject } = await pushSample(repository);
  const config = describeContent(Buffer.from("{}"), "application/vnd.oci.empty.v1+json");
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const fields = { schemaVersion: 2, mediaType, artifactType: "a/b", config, layers: [config], subject };
  const bytes = Buffer.from(JSON.stringify(fields));
  const manifest = describeContent(bytes, mediaType);
  await repository.push(manifest, bytes);
  await repository.delete(manifest);
  assert.ok(!server.requests.some(({ url }) => url.includes("/referrers/")));
  const list = repository.referrers(subject)[Symbol.asyncIterator]();
  await assert.rejects(list.next(), { code: "ERR_OCI_UNSUPPORTED" });
});

test("skipVerify holds for the endpoint alone", async (t) => {
  const server = await serverFor(t, { tls: selfSigned() });
  const other = await serverFor(t, {
    tls: selfSigned(),
    intercept: () => ({ status: 307, headers: { Location: `${server.url}/v2/a/b/manifests/v1` } }),
  });
  const registry = clientFor(t, { plainHttp: () => false, trustOrigin: () => true });
  await assert.rejects(registry.repository(`${server.host}/a/b`).resolve("v1"), { code: "ERR_OCI_NETWORK" });
  const skipping = (url: string) =>
    registry.repositoryAt(resolveEndpoint({ url: `${url}/v2`, tls: { skipVerify: true } }), "a/b");
  await pushSample(skipping(server.url));
  await assert.rejects(registry.repository(`${server.host}/a/b`).resolve("v1"), { code: "ERR_OCI_NETWORK" });
  const asked = server.requests.length;
  await assert.rejects(skipping(other.url).resolve("v1"), { code: "ERR_OCI_NETWORK" });
  assert.equal(server.requests.length, asked);
});

function selfSigned(): { key: string; cert: string } {
  const now = Date.now();
  const { key, pem } = mintCertificate({ subject: "registry", notBefore: now - 1000, notAfter: now + 1e6 });
  return { key: key.export({ type: "pkcs8", format: "pem" }).toString(), cert: pem };
}

test("what is no endpoint is refused", () => {
  for (const url of ["", "mirror", "ftp://a/", "https://u:p@a/v2", "https://a/v2?x", "https://a/v2#x"]) {
    assert.throws(() => resolveEndpoint({ url }), TypeError, url);
  }
  for (const [name, value] of Object.entries({
    "a b": "x",
    Host: "x",
    "Content-Length": "1",
    x: "a\r\nb: c",
  })) {
    assert.throws(
      () => resolveEndpoint({ url: "https://a/v2", headers: { [name]: value } }),
      TypeError,
      name,
    );
  }
  assert.equal(resolveEndpoint({ url: "http://[::1]:5000//v2//" }).root.href, "http://[::1]:5000//v2");
});
