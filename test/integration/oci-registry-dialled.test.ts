/** Every way of using a registry, against every header by which it can name another place: who is dialled is counted. */
import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { LookupFunction, Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { streamOf } from "../../src/core/bytes.ts";
import { isLadingError } from "../../src/core/errors.ts";
import { OCI_INDEX, OCI_MANIFEST } from "../../src/core/media-types.ts";
import {
  describeContent,
  fetchBlob,
  type Registry,
  type Repository,
  resolveEndpoint,
} from "../../src/oci/index.ts";
import { jsonReply, type RegistryReply } from "../../src/testing/registry-reply.ts";
import { clientFor, serverFor } from "./registry-setup.ts";

const CONTENT = Buffer.alloc(200_000, "x");
const BLOB = describeContent(CONTENT, "application/octet-stream");
const MANIFEST = describeContent(Buffer.from("{}"), OCI_MANIFEST);

async function drain(list: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of list);
}

const uses: Record<string, (repository: Repository, registry: Registry, host: string) => Promise<unknown>> = {
  resolve: (repository) => repository.resolve("v1"),
  "exists of a blob": (repository) => repository.exists(BLOB),
  "fetch of a blob": (repository) => fetchBlob(repository, BLOB, { maxBytes: 1e6 }),
  "fetch in ranges": (repository) => drain(repository.fetch(BLOB, { ranges: { chunkBytes: 65_536 } })),
  "fetch of a manifest": (repository) => fetchBlob(repository, MANIFEST, { maxBytes: 1e6 }),
  push: (repository) => repository.push(BLOB, CONTENT),
  "push of a stream": (repository) => repository.push(BLOB, streamOf(CONTENT)),
  "push in one request": (repository) => repository.push(BLOB, CONTENT, { upload: "single-post" }),
  "push in chunks": (repository) => repository.push(BLOB, CONTENT, { upload: "chunked", chunkBytes: 70_000 }),
  "push of what can be mounted": (repository) => repository.push(BLOB, CONTENT, { mountFrom: "c" }),
  pushStream: (repository) => repository.pushStream(streamOf(CONTENT), { mediaType: "a/b" }),
  mount: (repository) => repository.mount(BLOB, "c/d"),
  tags: (repository) => drain(repository.tags()),
  referrers: (repository) => drain(repository.referrers(MANIFEST)),
  "delete of a blob": (repository) => repository.delete(BLOB),
  "delete of a manifest": (repository) => repository.delete(MANIFEST),
  deleteTag: (repository) => repository.deleteTag("v1"),
  catalog: (_, registry, host) => drain(registry.catalog(host)),
};

/** What another place is named by. */
const attacks: Record<string, (evil: string) => (method: string) => RegistryReply> = {
  redirect: (evil) => () => ({ status: 307, headers: { Location: `${evil}/x` } }),
  realm: (evil) => () => ({
    status: 401,
    headers: { "WWW-Authenticate": `Bearer realm="${evil}/token",service="s"` },
  }),
  link: (evil) => () =>
    jsonReply(
      200,
      { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [], tags: [], repositories: [] },
      { "Content-Type": OCI_INDEX, Link: `<${evil}/next>; rel="next"` },
    ),
  location: (evil) => (method) =>
    method === "HEAD" ? { status: 404 } : { status: 202, headers: { Location: `${evil}/upload` } },
};

const places: Record<string, string> = {
  "a name of a private address": "http://evil.test",
  "a name of another registry on this machine": "http://localhost:1",
  "the metadata of a cloud": "http://169.254.169.254",
  "an address mapped into IPv6": "http://[::ffff:10.0.0.1]",
};

/** Addresses that are dialled while the test runs. */
function watchDialled(t: TestContext): Set<string> {
  const dialled = new Set<string>();
  const watch = (message: unknown): void => {
    (message as { socket: Socket }).socket.on("connectionAttempt", (ip, port) =>
      dialled.add(`${ip} ${port}`),
    );
  };
  subscribe("net.client.socket", watch);
  t.after(() => unsubscribe("net.client.socket", watch));
  return dialled;
}

const lookup: LookupFunction = (hostname, options, callback) => {
  const address = hostname === "registry.test" ? "127.0.0.1" : "10.255.255.1";
  if (options.all) callback(null, [{ address, family: 4 }]);
  else callback(null, address, 4);
};

for (const [name, attack] of Object.entries(attacks)) {
  test(`docker/model-runner#1038: no use of a registry dials where its ${name} leads`, async (t) => {
    const dialled = watchDialled(t);
    for (const [place, evil] of Object.entries(places)) {
      const reply = attack(evil);
      const server = await serverFor(t, { intercept: ({ method }) => reply(method) });
      const port = new URL(server.url).port;
      const host = `registry.test:${port}`;
      const options = {
        lookup,
        plainHttp: [host],
        credentials: () => ({ kind: "password", username: "alice", password: "secret" }) as const,
      };
      for (const [use, run] of Object.entries(uses)) {
        for (const mirrored of [false, true]) {
          const registry = clientFor(t, options);
          const endpoint = resolveEndpoint({ url: `http://${host}/v2`, headers: { "X-Secret": "1" } });
          const repository = mirrored
            ? registry.repositoryAt(endpoint, "a/b")
            : registry.repository(`${host}/a/b`);
          try {
            await run(repository, registry, host);
          } catch (error) {
            assert.ok(isLadingError(error), `${use}, ${place}: ${error}`);
          }
          await registry.close();
        }
      }
      assert.deepEqual([...dialled], [`127.0.0.1 ${port}`], place);
      dialled.clear();
      await server.close();
    }
  });
}

test("what is dialled is counted: a place that the caller trusts is", async (t) => {
  const dialled = watchDialled(t);
  const other = await serverFor(t);
  const server = await serverFor(t, {
    intercept: () => ({
      status: 307,
      headers: { Location: `http://other.test:${new URL(other.url).port}/x` },
    }),
  });
  const registry = clientFor(t, {
    trustOrigin: () => true,
    lookup: (_, options, callback) =>
      options.all ? callback(null, [{ address: "127.0.0.1", family: 4 }]) : callback(null, "127.0.0.1", 4),
  });
  await assert.rejects(registry.repository(`${server.host}/a/b`).resolve("v1"), {
    code: "ERR_OCI_NOT_FOUND",
  });
  const ports = [server, other].map(({ url }) => `127.0.0.1 ${new URL(url).port}`);
  assert.deepEqual([...dialled].sort(), ports.sort());
});
