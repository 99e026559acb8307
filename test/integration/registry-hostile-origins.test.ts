/** A registry that names other places: token servers, redirects, next pages. Nobody learns a secret there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fetchBlob, fetchManifest } from "../../src/oci/index.ts";
import type { RegistryMisbehaviour } from "../../src/testing/index.ts";
import { type Hostile, PASSWORD, withHostile } from "./registry-hostile-setup.ts";

const readBlob = ({ repository, blob }: Hostile) => fetchBlob(repository, blob, { maxBytes: 1e6 });

async function tagsOf({ repository }: Hostile, maxEntries = 1000): Promise<string[]> {
  const tags: string[] = [];
  for await (const tag of repository.tags({ maxEntries })) tags.push(tag);
  return tags;
}

const realms: [string, (hostile: Hostile) => string][] = [
  ["under another name", ({ elsewhere }) => `http://localhost:${new URL(elsewhere.url).port}/token`],
  ["at the other loopback address", ({ elsewhere }) => `http://[::1]:${new URL(elsewhere.url).port}/token`],
  ["at another loopback address", ({ elsewhere }) => `http://127.0.0.2:${new URL(elsewhere.url).port}/token`],
  ["with user information", ({ elsewhere }) => `http://a:b@${elsewhere.host}/token`],
  ["at the metadata of a cloud", () => "http://169.254.169.254/latest/meta-data/iam"],
  ["at the metadata of a cloud, as a number", () => "http://2852039166/latest"],
  ["in a private network", () => "http://10.0.0.1/token"],
  ["in a private network, in IPv6", () => "http://[fd00::1]/token"],
  ["at every address", ({ elsewhere }) => `http://0.0.0.0:${new URL(elsewhere.url).port}/token`],
  ["in a file", () => "file:///etc/passwd"],
  ["without a host", () => "http://"],
];
for (const warm of [false, true]) {
  for (const [name, realm] of realms) {
    test(`CVE-2020-15157: a token server ${name}${warm ? ", for a client that has a token" : ""}`, () =>
      withHostile(
        async (hostile) => {
          const injected = hostile.misbehave({ path: "/v2/", realm: realm(hostile) });
          await assert.rejects(hostile.repository.resolve("v1"), { code: "ERR_OCI_REALM_REFUSED" });
          assert.ok(injected.met <= 3);
        },
        { warm },
      ));
  }
}

test("CVE-2020-15157: a password goes to no token server that the registry's answers change to", () =>
  withHostile(async (hostile) => {
    const { server, elsewhere, repository } = hostile;
    hostile.misbehave({ path: "/v2/", realm: `http://localhost:${new URL(elsewhere.url).port}/token` });
    server.revokeTokens();
    await assert.rejects(repository.resolve("v1"), { code: "ERR_OCI_REALM_REFUSED" });
    assert.equal(elsewhere.connections.made, 0);
  }));

test("go-containerregistry#2291: a token server that redirects is not followed, wherever to", () =>
  withHostile(
    async (hostile) => {
      const { server, elsewhere, repository } = hostile;
      for (const status of [301, 302, 303, 307, 308]) {
        for (const target of [`${elsewhere.url}/token`, "/token?again", "https://example.com/"]) {
          const injected = hostile.misbehave({ path: "/token", redirectTo: target, status });
          await assert.rejects(repository.resolve("v1"), { code: "ERR_OCI_REDIRECT_REFUSED" });
          injected.undo();
          assert.ok(!server.requests.some(({ url }) => url.includes("again")));
        }
      }
    },
    { warm: false },
  ));

const tokens: [string, RegistryMisbehaviour, string][] = [
  ["without end", { extraBytes: Number.POSITIVE_INFINITY }, "ERR_TOO_LARGE"],
  ["that is no document", { body: "<html>" }, "ERR_OCI_TOKEN_INVALID"],
  ["without a token", { body: "{}" }, "ERR_OCI_TOKEN_INVALID"],
  ["that would end its header", { body: '{"token":"a\\r\\nX-Evil: 1"}' }, "ERR_OCI_TOKEN_INVALID"],
  ["that names its token twice", { body: '{"token":"a","token":"b"}' }, "ERR_OCI_TOKEN_INVALID"],
  ["that fails", { status: 500 }, "ERR_OCI_STATUS"],
  ["that refuses", { status: 401 }, "ERR_OCI_UNAUTHORIZED"],
  ["that breaks off", { disconnect: "reset" }, "ERR_OCI_NETWORK"],
];
for (const [name, misbehaviour, code] of tokens) {
  test(`a token answer ${name}`, () =>
    withHostile(
      async (hostile) => {
        const injected = hostile.misbehave({ path: "/token", ...misbehaviour });
        await assert.rejects(hostile.repository.resolve("v1"), (error: Error & { code: string }) => {
          assert.equal(error.code, code);
          assert.ok(!String(error).includes(PASSWORD));
          return true;
        });
        assert.ok(injected.met <= 6, `met ${injected.met} times`);
        injected.undo();
        assert.equal((await hostile.repository.resolve("v1")).digest, hostile.manifest.digest);
      },
      { warm: false },
    ));
}

for (const status of [301, 302, 303, 307, 308]) {
  test(`GHSA-vh4v-2xq2-g5cg: a read that is redirected by ${status} to another port takes no token there`, () =>
    withHostile(
      async (hostile) => {
        const { elsewhere, content, manifest, image } = hostile;
        elsewhere.addImage("a/b", image);
        hostile.misbehave({
          method: ["GET", "HEAD"],
          path: /\/(blobs|manifests)\/sha256:/,
          status,
          redirectTo: ({ path }) => `${elsewhere.url}${path}?signed=1`,
          headers: { "Set-Cookie": "session=1" },
        });
        assert.deepEqual(Buffer.from(await readBlob(hostile)), content);
        assert.equal((await fetchManifest(hostile.repository, manifest)).descriptor.digest, manifest.digest);
        assert.ok(elsewhere.requests.length >= 2);
      },
      { mayAskElsewhere: true },
    ));
}

const redirects: [string, RegistryMisbehaviour["redirectTo"], number][] = [
  ["to itself", ({ path }) => path, 11],
  ["on and on", ({ path }, n) => `${path}?n=${n}`, 11],
  ["to a link-local address", "http://169.254.169.254/", 1],
  ["to a private address", "http://192.168.0.1/", 1],
  ["to another loopback name", "http://[::ffff:169.254.169.254]/", 1],
  ["to a user's", "http://a:b@example.com/", 1],
  ["to another protocol", "ftp://example.com/", 1],
  ["to data", "data:text/plain,x", 1],
  ["to nowhere", "", 1],
];
for (const [name, redirectTo, most] of redirects) {
  test(`GHSA-vh4v-2xq2-g5cg: a read that is redirected ${name}`, () =>
    withHostile(async (hostile) => {
      const injected = hostile.misbehave({ method: "GET", path: "/blobs/", redirectTo });
      await assert.rejects(readBlob(hostile), { code: "ERR_OCI_REDIRECT_REFUSED" });
      assert.equal(injected.met, most);
    }));
}

test("GHSA-vh4v-2xq2-g5cg: two places in one redirect: at most one is asked, without a secret", () =>
  withHostile(
    async (hostile) => {
      const { elsewhere, server } = hostile;
      hostile.misbehave({
        method: "GET",
        path: "/blobs/",
        redirectTo: "/",
        headers: { Location: [`${elsewhere.url}/x`, `${server.url}/v2/`] },
      });
      await assert.rejects(readBlob(hostile), (error: { code: string }) => error.code.startsWith("ERR_OCI_"));
      assert.ok(elsewhere.requests.length <= 1);
    },
    { mayAskElsewhere: true },
  ));

test("CVE-2023-2253: a next page elsewhere is not asked for", () =>
  withHostile(async (hostile) => {
    const { elsewhere, server } = hostile;
    for (const nextPage of [
      `${elsewhere.url}/v2/a/b/tags/list`,
      `//${elsewhere.host}/v2/a/b/tags/list`,
      `https://${server.host}/v2/a/b/tags/list`,
      `http://a:b@${server.host}/v2/a/b/tags/list`,
    ]) {
      const injected = hostile.misbehave({ path: "/tags/list", nextPage });
      await assert.rejects(tagsOf(hostile), { code: "ERR_OCI_LINK_REFUSED" }, nextPage);
      assert.equal(injected.met, 1);
      injected.undo();
    }
  }));

test("CVE-2023-2253: pages in a circle, and pages without end, are given up", () =>
  withHostile(async (hostile) => {
    const circles: [RegistryMisbehaviour["nextPage"], number][] = [
      [({ path }) => path, 2],
      [({ path }, n) => `${path}?page=${n % 3}`, 5],
    ];
    for (const [nextPage, most] of circles) {
      const injected = hostile.misbehave({ path: "/tags/list", nextPage });
      await assert.rejects(tagsOf(hostile), { code: "ERR_OCI_LIST_TOO_LONG" });
      assert.ok(injected.met <= most, `met ${injected.met} times`);
      injected.undo();
    }
    const endless = hostile.misbehave({ path: "/tags/list", nextPage: ({ path }, n) => `${path}?page=${n}` });
    await assert.rejects(tagsOf(hostile, 50), { code: "ERR_OCI_LIST_TOO_LONG" });
    assert.ok(endless.met <= 30, `met ${endless.met} times`);
  }));

test("CVE-2023-2253: pages without end that hold nothing are given up", () =>
  withHostile(async (hostile) => {
    for (const body of ['{"tags":[]}', '{"tags":null}', '{"tags":["",""]}']) {
      const nextPage: RegistryMisbehaviour["nextPage"] = ({ path }, n) => `${path}?page=${n}`;
      const injected = hostile.misbehave({ path: "/tags/list", body, nextPage });
      await assert.rejects(tagsOf(hostile), { code: "ERR_OCI_LIST_TOO_LONG" });
      assert.equal(injected.met, 101);
      injected.undo();
    }
  }));

test("CVE-2023-2253: a page without end, and one that is no list", () =>
  withHostile(async (hostile) => {
    const pages: [RegistryMisbehaviour, string[]][] = [
      [{ extraBytes: Number.POSITIVE_INFINITY }, ["ERR_TOO_LARGE"]],
      [{ body: "[]" }, ["ERR_OCI_PROTOCOL"]],
      [{ body: '{"tags":"v1"}' }, ["ERR_OCI_PROTOCOL"]],
      [{ body: '{"tags":["../../etc"]}' }, ["ERR_OCI_PROTOCOL"]],
      [{ body: "[".repeat(100_000) }, ["ERR_OCI_PROTOCOL", "ERR_JSON_TOO_DEEP"]],
      [{ gzip: true }, ["ERR_OCI_PROTOCOL", "ERR_JSON_SYNTAX"]],
    ];
    for (const [misbehaviour, codes] of pages) {
      const injected = hostile.misbehave({ path: "/tags/list", ...misbehaviour });
      await assert.rejects(tagsOf(hostile), (error: { code: string }) => {
        assert.ok(
          codes.includes(error.code),
          `${error.code} for ${JSON.stringify(misbehaviour).slice(0, 60)}`,
        );
        return true;
      });
      injected.undo();
    }
    assert.deepEqual(await tagsOf(hostile), ["v1", "v2"]);
  }));
