import assert from "node:assert/strict";
import { test } from "node:test";
import { jsonReply, type RegistryReply } from "../../src/testing/registry-reply.ts";
import { clientFor, pairFor, pushSample, serverFor } from "./registry-setup.ts";

async function all(list: AsyncIterable<string>, most = Number.POSITIVE_INFINITY): Promise<string[]> {
  const entries: string[] = [];
  for await (const entry of list) {
    entries.push(entry);
    if (entries.length >= most) break;
  }
  return entries;
}

test("tags come page by page, as they are read", async (t) => {
  const { server, repository } = await pairFor(t);
  const { manifest } = await pushSample(repository);
  for (const tag of ["a", "b", "c", "Z_.-", "d"]) await repository.tag(manifest, tag);
  const before = server.requests.length;
  const asked = () => server.requests.slice(before).map(({ url }) => url.replace(/.*[?]/, ""));
  assert.deepEqual(await all(repository.tags({ pageSize: 2 })), ["Z_.-", "a", "b", "c", "d", "v1"]);
  assert.deepEqual(asked(), ["n=2", "n=2&last=a", "n=2&last=c"]);
  assert.deepEqual(await all(repository.tags({ pageSize: 2 }), 2), ["Z_.-", "a"]);
  assert.equal(asked().length, 4);
  assert.deepEqual(await all(repository.tags({ last: "b" })), ["c", "d", "v1"]);
  await assert.rejects(all(repository.tags({ maxEntries: 5 })), { code: "ERR_OCI_LIST_TOO_LONG" });
  assert.equal((await all(repository.tags({ maxEntries: 6 }))).length, 6);
  repository.tags();
  assert.equal(asked().length, 7);
});

test("a repository that is not there has no tags to list", async (t) => {
  const { repository } = await pairFor(t);
  await assert.rejects(all(repository.tags()), { code: "ERR_OCI_NOT_FOUND" });
});

test("CVE-2023-2253: pages in a circle, on and on, or elsewhere are refused", async (t) => {
  const elsewhere = await serverFor(t);
  let pages = 0;
  let link = (): string => "";
  const { server, repository } = await pairFor(t, {
    intercept: () => jsonReply(200, { tags: [`t${pages++}`] }, { Link: link() }),
  });
  link = () => '</v2/a/b/tags/list?n=1&last=x>; rel="next"';
  await assert.rejects(all(repository.tags()), { code: "ERR_OCI_LIST_TOO_LONG" });
  assert.equal(pages, 2);
  link = () => `<${elsewhere.url}/v2/a/b/tags/list>; rel="next"`;
  await assert.rejects(all(repository.tags()), { code: "ERR_OCI_LINK_REFUSED" });
  assert.deepEqual(elsewhere.requests, []);
  link = () => `<?last=${pages}>; rel="next"`;
  await assert.rejects(all(repository.tags({ maxEntries: 20 })), { code: "ERR_OCI_LIST_TOO_LONG" });
  link = () => "<";
  await assert.rejects(all(repository.tags()), { code: "ERR_OCI_HEADER_INVALID" });
  assert.ok(server.requests.length < 30);
});

test("a redirected page does not decide where the next one is asked for", async (t) => {
  const storage = await serverFor(t, {
    intercept: () => jsonReply(200, { tags: ["a"] }, { Link: '</more>; rel="next"' }),
  });
  const { server, repository } = await pairFor(t, {
    intercept: ({ path }) =>
      path === "/more"
        ? jsonReply(200, { tags: ["b"] })
        : { status: 307, headers: { Location: `${storage.url}/x` } },
  });
  assert.deepEqual(await all(repository.tags()), ["a", "b"]);
  assert.equal(storage.requests.length, 1);
  assert.equal(server.requests.at(-1)?.url, "/more");
});

test("what registries put into lists of tags beside tags", async (t) => {
  let reply: RegistryReply = { status: 200 };
  const { repository } = await pairFor(t, { intercept: () => reply });
  const tags = (value: unknown) => {
    reply = jsonReply(200, { name: "a/b", tags: value });
    return all(repository.tags());
  };
  assert.deepEqual(await tags(null), []);
  assert.deepEqual(await tags(["", null, `sha256:${"0".repeat(64)}`, "v1"]), ["v1"]);
  for (const value of [undefined, "v1", {}, [1], ["../x"], ["ž"], [["v1"]]]) {
    await assert.rejects(tags(value), { code: "ERR_OCI_PROTOCOL" }, JSON.stringify(value));
  }
  for (const body of ["", "[]", "null", '{"tags":["a"]', '{"tags":[],"tags":["a"]}', "<html>"]) {
    reply = { status: 200, body };
    await assert.rejects(all(repository.tags()), { code: "ERR_OCI_PROTOCOL" }, body);
  }
  reply = { status: 200, body: endless() };
  await assert.rejects(all(repository.tags()), { code: "ERR_TOO_LARGE" });
});

async function* endless(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('{"tags":["');
  for (;;) yield Buffer.alloc(65_536, "a");
}

test("the repositories of a registry, with a scope of its own", async (t) => {
  const server = await serverFor(t, { auth: { kind: "bearer", users: { alice: "secret" } } });
  const registry = clientFor(t, {
    credentials: { [server.host]: { kind: "password", username: "alice", password: "secret" } },
  });
  for (const path of ["a", "b/c", "d"]) await pushSample(registry.repository(`${server.host}/${path}`));
  assert.deepEqual(await all(registry.catalog(server.host, { pageSize: 2 })), ["a", "b/c", "d"]);
  assert.ok(server.requests.some(({ url }) => url.includes("scope=registry%3Acatalog%3A*")));
  assert.throws(() => registry.catalog("a/b"), { code: "ERR_REFERENCE_INVALID" });
  assert.throws(() => registry.catalog(server.host, { pageSize: 0 }), RangeError);
  assert.throws(() => registry.repository(`${server.host}/a`).tags({ pageSize: 1001 }), RangeError);
  assert.throws(() => registry.repository(`${server.host}/a`).tags({ last: "../x" }), {
    code: "ERR_REFERENCE_INVALID",
  });
});

test("a registry without a catalog says so", async (t) => {
  for (const status of [404, 405]) {
    const server = await serverFor(t, { intercept: () => ({ status }) });
    await assert.rejects(all(clientFor(t).catalog(server.host)), {
      code: "ERR_OCI_UNSUPPORTED",
      statusCode: status,
    });
  }
});

test("an abort ends a list", async (t) => {
  const { repository } = await pairFor(t, { intercept: () => jsonReply(200, { tags: ["a", "b"] }) });
  const controller = new AbortController();
  const reason = new Error("enough");
  const seen: string[] = [];
  const reading = (async () => {
    for await (const tag of repository.tags({ signal: controller.signal })) {
      seen.push(tag);
      controller.abort(reason);
    }
  })();
  await assert.rejects(reading, reason);
  assert.deepEqual(seen, ["a"]);
});
