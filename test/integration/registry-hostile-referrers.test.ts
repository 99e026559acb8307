/** Referrers, mounts and deletions with a registry that is not to be trusted. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../src/core/digest.ts";
import { OCI_INDEX } from "../../src/core/media-types.ts";
import { type Descriptor, describeContent, packManifest } from "../../src/oci/index.ts";
import type { RegistryMisbehaviour } from "../../src/testing/index.ts";
import { type Hostile, withHostile } from "./registry-hostile-setup.ts";

const LIST: RegistryMisbehaviour = { path: "/referrers/" };

async function referrersOf({ repository, manifest }: Hostile, most = 100): Promise<Descriptor[]> {
  const found: Descriptor[] = [];
  for await (const referrer of repository.referrers(manifest)) {
    found.push(referrer);
    if (found.length > most) throw new Error("more than can be");
  }
  return found;
}

function index(manifests: unknown): string {
  return JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests });
}

const lists: [string, RegistryMisbehaviour, string[]][] = [
  ["goes on elsewhere", { nextPage: "http://localhost:1/v2/a/b/referrers/x" }, ["ERR_OCI_LINK_REFUSED"]],
  ["goes in a circle", { nextPage: ({ path }) => path }, ["ERR_OCI_LIST_TOO_LONG"]],
  ["has no end", { extraBytes: Number.POSITIVE_INFINITY }, ["ERR_TOO_LARGE"]],
  ["is no document", { body: "{" }, ["ERR_JSON_SYNTAX", "ERR_OCI_PROTOCOL"]],
  ["is of texts", { body: index(["x"]) }, ["ERR_JSON_TYPE", "ERR_OCI_PROTOCOL"]],
  [
    "names a digest that is a path",
    { body: index([{ mediaType: "a/b", size: 1, digest: "sha256:../../x" }]) },
    ["ERR_DIGEST_INVALID", "ERR_OCI_PROTOCOL"],
  ],
  [
    "is two kinds",
    { body: index([]).replace("}", ',"layers":[]}') },
    ["ERR_OCI_MANIFEST_AMBIGUOUS", "ERR_OCI_PROTOCOL"],
  ],
  ["fails", { status: 500 }, ["ERR_OCI_STATUS"]],
  ["limits the rate", { retryAfter: 3600 }, ["ERR_OCI_RATE_LIMITED"]],
];
for (const [name, misbehaviour, codes] of lists) {
  test(`CVE-2023-46737: a list of referrers that ${name}`, () =>
    withHostile(async (hostile) => {
      const injected = hostile.misbehave({ ...LIST, ...misbehaviour });
      await assert.rejects(referrersOf(hostile), (error: { code: string }) => {
        assert.ok(codes.includes(error.code), String(error));
        return true;
      });
      assert.ok(injected.met <= 4, `met ${injected.met} times`);
    }));
}

for (const [name, digestsOf] of [
  ["always other ones", (n: number, i: number) => digestOf(`${n} ${i}`)],
  ["the same ones again and again", (_: number, i: number) => digestOf(`${i}`)],
] as const) {
  test(`CVE-2023-46737: referrers without end are cut: ${name}`, () =>
    withHostile(
      async (hostile) => {
        const injected = hostile.misbehave({
          ...LIST,
          nextPage: ({ path }, n) => `${path}?page=${n}`,
          reply: (_, n) => ({
            status: 200,
            headers: { "Content-Type": OCI_INDEX },
            body: index(
              Array.from({ length: 200 }, (_, i) => ({ mediaType: "a/b", size: i, digest: digestsOf(n, i) })),
            ),
          }),
        });
        const read = referrersOf(hostile, Number.POSITIVE_INFINITY);
        await assert.rejects(read, { code: "ERR_OCI_LIST_TOO_LONG" });
        assert.ok(injected.met <= 55, `met ${injected.met} times`);
      },
      { maxMs: 20_000 },
    ));
}

for (const [name, misbehaviour] of [
  ["a web page in place of the API", { body: "<html>", headers: { "Content-Type": "text/html" } }],
  ["an API that is not there", { status: 404 }],
] as const) {
  test(`${name} means the tag of the subject`, () =>
    withHostile(async (hostile) => {
      hostile.misbehave({ ...LIST, ...misbehaviour });
      assert.deepEqual(await referrersOf(hostile), []);
    }));
}

test("a tag of the subject that stands for no index is an error, not an empty list", () =>
  withHostile(async (hostile) => {
    hostile.misbehave({ ...LIST, status: 404 });
    hostile.misbehave({ path: "/manifests/sha256-", flipTo: ["v2"] });
    await assert.rejects(referrersOf(hostile), { code: "ERR_OCI_PROTOCOL" });
  }));

test("an index of referrers that others overwrite again and again is given up", () =>
  withHostile(
    async (hostile) => {
      const { repository, manifest, server } = hostile;
      const signature = packManifest({ artifactType: "a/signature", subject: manifest });
      const writes = hostile.misbehave({ method: "PUT", path: "/manifests/sha256-", status: 412 });
      await assert.rejects(repository.push(signature.descriptor, signature.bytes), {
        code: "ERR_OCI_CONFLICT",
      });
      assert.ok(writes.met >= 1 && writes.met <= 20, `met ${writes.met} times`);
      assert.ok(!Object.keys(server.stored("a/b").tags).some((tag) => tag.startsWith("sha256-")));
    },
    { server: { referrers: "off" }, mayStore: true },
  ));

test("GHSA-jxpm-75mh-9fp7: a mount that becomes an upload elsewhere is refused", () =>
  withHostile(async ({ repository, misbehave, elsewhere, server }) => {
    const content = Buffer.from("x");
    const descriptor = describeContent(content, "a/b");
    for (const Location of [`${elsewhere.url}/upload`, `https://${server.host}/upload`]) {
      const injected = misbehave({ method: "POST", reply: () => ({ status: 202, headers: { Location } }) });
      await assert.rejects(repository.push(descriptor, content, { mountFrom: "c/d" }), {
        code: "ERR_OCI_LOCATION_REFUSED",
      });
      injected.undo();
    }
  }));

test("a mount that is told to be of something else is refused", () =>
  withHostile(async ({ repository, misbehave, blob }) => {
    misbehave({
      method: "POST",
      reply: () => ({ status: 201, headers: { "Docker-Content-Digest": digestOf("else") } }),
    });
    await assert.rejects(repository.mount(blob, "c/d"), { code: "ERR_DIGEST_MISMATCH" });
  }));

test("what is not deleted is not said to be", () =>
  withHostile(async ({ repository, misbehave, manifest, blob, elsewhere }) => {
    const cases: [RegistryMisbehaviour, string][] = [
      [{ status: 405 }, "ERR_OCI_UNSUPPORTED"],
      [{ status: 404 }, "ERR_OCI_NOT_FOUND"],
      [{ status: 403 }, "ERR_OCI_DENIED"],
      [{ status: 500 }, "ERR_OCI_STATUS"],
      [{ disconnect: "end" }, "ERR_OCI_NETWORK"],
      [{ redirectTo: `${elsewhere.url}/x` }, "ERR_OCI_REDIRECT_REFUSED"],
    ];
    for (const [misbehaviour, code] of cases) {
      for (const descriptor of [manifest, blob]) {
        const injected = misbehave({ method: "DELETE", ...misbehaviour });
        await assert.rejects(repository.delete(descriptor), { code }, JSON.stringify(misbehaviour));
        injected.undo();
      }
    }
  }));
