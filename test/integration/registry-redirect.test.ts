import assert from "node:assert/strict";
import type { LookupFunction } from "node:net";
import { type TestContext, test } from "node:test";
import {
  type CreateRegistryOptions,
  describeContent,
  fetchBlob,
  fetchManifest,
} from "../../src/oci/index.ts";
import type { TestRegistry } from "../../src/testing/registry.ts";
import { clientFor, pairFor, pushSample, serverFor } from "./registry-setup.ts";

const users = { alice: "secret" };
const credentials = () => ({ kind: "password", username: "alice", password: "secret" }) as const;

/** A registry that redirects reads of blobs and manifests to storage with the same content. */
async function redirected(
  t: TestContext,
  {
    status = 307,
    storageHost = "127.0.0.1" as "127.0.0.1" | "::1",
    options = {} as CreateRegistryOptions,
  } = {},
) {
  const storage = await serverFor(t, { host: storageHost, allowMissing: true });
  const target = { url: storage.url };
  let active = false;
  const { server, repository, registry } = await pairFor(
    t,
    {
      auth: { kind: "bearer", users },
      alter: ({ method, path }, reply) =>
        active &&
        (method === "GET" || method === "HEAD") &&
        /\/(blobs|manifests)\//.test(path) &&
        reply.status === 200
          ? { status, headers: { Location: `${target.url}${path}?signature=x`, "Set-Cookie": "session=1" } }
          : reply,
    },
    { credentials, ...options },
  );
  const sample = await pushSample(repository);
  await pushSample(clientFor(t).repository(`${storage.host}/a/b`));
  active = true;
  const before = storage.requests.length;
  return {
    server,
    repository,
    registry,
    storage,
    target,
    ...sample,
    asked: () => storage.requests.slice(before),
  };
}

test("GHSA-vh4v-2xq2-g5cg: reads follow a redirect to another port, without anything that is meant for the registry", async (t) => {
  for (const status of [301, 302, 303, 307, 308]) {
    const { repository, blob, content, manifest, asked } = await redirected(t, { status });
    assert.deepEqual(Buffer.from(await fetchBlob(repository, blob, { maxBytes: 1000 })), content);
    assert.equal((await fetchManifest(repository, "v1")).descriptor.digest, manifest.digest);
    assert.ok(asked().length >= 2);
    for (const { headers, url } of asked()) {
      assert.equal(headers.authorization, undefined);
      assert.equal(headers.cookie, undefined);
      assert.match(url, /\?signature=x$/);
    }
  }
});

test("storage that wants credentials gets none, and its token server is not asked", async (t) => {
  const { repository, blob, target } = await redirected(t);
  const greedy = await serverFor(t, { auth: { kind: "bearer", users } });
  target.url = greedy.url;
  await assert.rejects(fetchBlob(repository, blob, { maxBytes: 1000 }), { code: "ERR_OCI_UNAUTHORIZED" });
  assert.deepEqual(
    greedy.requests.map(({ headers }) => headers.authorization),
    [undefined],
  );
});

test("GHSA-vh4v-2xq2-g5cg: a chain that leaves the registry and comes back brings no authorization with it", async (t) => {
  const { repository, blob, target, server } = await redirected(t);
  const bouncer = await serverFor(t, {
    intercept: ({ path }) => ({ status: 307, headers: { Location: `${server.url}${path}` } }),
  });
  target.url = bouncer.url;
  await assert.rejects(fetchBlob(repository, blob, { maxBytes: 1000 }), { code: "ERR_OCI_UNAUTHORIZED" });
  assert.equal(server.requests.at(-1)?.headers.authorization, undefined);
});

test("what a redirect delivers is verified like everything else", async (t) => {
  const { repository, blob, target } = await redirected(t);
  const liar = await serverFor(t, { intercept: () => ({ status: 200, body: Buffer.alloc(1000, "y") }) });
  target.url = liar.url;
  await assert.rejects(fetchBlob(repository, blob, { maxBytes: 1000 }), { code: "ERR_DIGEST_MISMATCH" });
});

test("GHSA-vh4v-2xq2-g5cg: redirects without end are given up", async (t) => {
  const server = await serverFor(t, {
    intercept: ({ query }) => ({ status: 302, headers: { Location: `?n=${Number(query.get("n")) + 1}` } }),
  });
  await assert.rejects(clientFor(t).repository(`${server.host}/a/b`).resolve("v1"), {
    code: "ERR_OCI_REDIRECT_REFUSED",
  });
  assert.equal(server.requests.length, 11);
});

test("a redirect to a place that reads must not go to is refused and not dialled", async (t) => {
  const locations = [
    "ftp://example.com/x",
    "file:///etc/passwd",
    "http://[",
    "https://user:pw@example.com/x",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fe80::1]/",
    "http://10.0.0.1/",
    "http://0.0.0.0/",
    "",
  ];
  for (const location of locations) {
    const server = await serverFor(t, {
      intercept: () => ({ status: 302, headers: { Location: location } }),
    });
    await assert.rejects(
      clientFor(t).repository(`${server.host}/a/b`).resolve("v1"),
      { code: "ERR_OCI_REDIRECT_REFUSED" },
      location,
    );
  }
});

test("a redirect to a name with an address inside the caller's network is refused while connecting", async (t) => {
  const storage = await serverFor(t);
  const port = new URL(storage.url).port;
  const server = await serverFor(t, {
    intercept: ({ path }) => ({
      status: 302,
      headers: { Location: `http://storage.example:${port}${path}` },
    }),
  });
  let lookups = 0;
  const lookup: LookupFunction = (hostname, _options, callback) => {
    // First for the connection, then for the comparison: a registry on the internet.
    if (hostname === "registry.example") lookups++;
    const own = lookups === 2 ? "203.0.113.7" : "127.0.0.1";
    callback(null, [{ address: hostname === "registry.example" ? own : "127.0.0.1", family: 4 }]);
  };
  const options: CreateRegistryOptions = { lookup, plainHttp: () => true };
  const name = `registry.example:${new URL(server.url).port}/a/b`;
  await assert.rejects(clientFor(t, options).repository(name).resolve("v1"), {
    code: "ERR_OCI_ADDRESS_REFUSED",
  });
  assert.deepEqual(storage.requests, []);
  lookups = 2;
  const trusting = clientFor(t, { ...options, trustOrigin: (url) => url.hostname === "storage.example" });
  await assert.rejects(trusting.repository(name).resolve("v1"), { code: "ERR_OCI_NOT_FOUND" });
  assert.ok(storage.requests.length > 0);
});

test("the caller's word refuses any origin", async (t) => {
  const uses: string[] = [];
  const options: CreateRegistryOptions = {
    trustOrigin: (url, { use, registry }) => {
      uses.push(`${use} ${url.origin === registry}`);
      return use === "redirect" ? false : undefined;
    },
  };
  const { repository, blob, asked } = await redirected(t, { options });
  await assert.rejects(fetchBlob(repository, blob, { maxBytes: 1000 }), { code: "ERR_OCI_REDIRECT_REFUSED" });
  assert.deepEqual(asked(), []);
  assert.ok(uses.includes("redirect false"));
});

test("a write is not redirected", async (t) => {
  for (const method of ["POST", "PUT"]) {
    const { server, repository } = await pairFor(t, {
      intercept: (request) =>
        request.method === method ? { status: 307, headers: { Location: "/elsewhere" } } : undefined,
    });
    const content = Buffer.from("x");
    await assert.rejects(repository.push(describeContent(content, "a/b"), content), {
      code: "ERR_OCI_REDIRECT_REFUSED",
    });
    assert.ok(!server.requests.some(({ url }) => url.includes("elsewhere")));
  }
});

/** A registry that sends uploads elsewhere. */
async function hijacked(t: TestContext, location: (elsewhere: TestRegistry) => string, options = {}) {
  const elsewhere = await serverFor(t, { intercept: () => ({ status: 201 }) });
  const { repository } = await pairFor(
    t,
    {
      auth: { kind: "basic", users },
      alter: ({ method }, reply) =>
        method === "POST" ? { status: 202, headers: { Location: location(elsewhere) } } : reply,
    },
    { credentials, ...options },
  );
  const content = Buffer.from("x");
  const push = repository.push(describeContent(content, "a/b"), content);
  return { push, elsewhere };
}

test("GHSA-jxpm-75mh-9fp7: an upload location on another origin is refused, and nothing is sent there", async (t) => {
  const locations: ((elsewhere: TestRegistry) => string)[] = [
    ({ url }) => `${url}/upload`,
    ({ host }) => `//${host}/upload`,
    ({ host }) => `https://${host}/upload`,
    ({ url }) => url.replace("http://", "http://user:pw@"),
    () => "ftp://127.0.0.1/x",
  ];
  for (const location of locations) {
    const { push, elsewhere } = await hijacked(t, location);
    await assert.rejects(push, { code: "ERR_OCI_LOCATION_REFUSED" });
    assert.equal(elsewhere.connections.made, 0);
  }
  const { push } = await hijacked(t, () => "http://[");
  await assert.rejects(push, { code: "ERR_OCI_PROTOCOL" });
});

test("GHSA-jxpm-75mh-9fp7: an upload location that the caller trusts gets the content, but no credentials", async (t) => {
  const trustOrigin: CreateRegistryOptions["trustOrigin"] = (_, { use }) => use === "upload";
  const { push, elsewhere } = await hijacked(t, ({ url }) => `${url}/upload`, { trustOrigin });
  await push;
  assert.equal(elsewhere.requests.at(-1)?.bodyBytes, 1);
  assert.equal(elsewhere.requests.at(-1)?.headers.authorization, undefined);
});
