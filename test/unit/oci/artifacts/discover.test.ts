import assert from "node:assert/strict";
import { test } from "node:test";
import { OCI_MANIFEST } from "../../../../src/core/media-types.ts";
import { discoverReferrers, type ReferrerNode } from "../../../../src/oci/artifacts/discover.ts";
import { type Descriptor, describeContent } from "../../../../src/oci/descriptor.ts";
import type { ReferrerLister, ReferrersOptions } from "../../../../src/oci/store.ts";

function named(name: string, artifactType?: string): Descriptor {
  return { ...describeContent(Buffer.from(name), OCI_MANIFEST), ...(artifactType ? { artifactType } : {}) };
}

/** A store in which each descriptor has the referrers that `links` gives it. */
function storeOf(links: (about: Descriptor) => Descriptor[]) {
  const asked: (string | undefined)[] = [];
  const store: ReferrerLister & { resolve: () => Promise<Descriptor> } = {
    resolve: async () => named("root"),
    async *referrers(about: Descriptor, { artifactType }: ReferrersOptions = {}) {
      asked.push(artifactType);
      yield* links(about);
    },
  };
  return { store, asked };
}

function linksOf(links: Record<string, Descriptor[]>): (about: Descriptor) => Descriptor[] {
  const byDigest = new Map(Object.entries(links).map(([name, list]) => [named(name).digest, list]));
  return ({ digest }) => byDigest.get(digest) ?? [];
}

const shape = (nodes: readonly ReferrerNode[]): unknown =>
  nodes.map(({ descriptor: { artifactType }, convention, referrers, repeated }) => [
    artifactType,
    convention,
    ...(repeated ? ["repeated"] : []),
    ...(referrers.length > 0 ? [shape(referrers)] : []),
  ]);

test("referrers of referrers are found, with their conventions", async () => {
  const sbom = named("sbom", "application/spdx+json");
  const signature = named("signature", "application/vnd.cncf.notary.signature");
  const { store, asked } = storeOf(linksOf({ root: [sbom, named("other", "a/b")], sbom: [signature] }));
  const tree = await discoverReferrers(store, "v1", { artifactType: "a/b" });
  assert.deepEqual(tree.subject, named("root"));
  assert.deepEqual(shape(tree.referrers), [
    ["application/spdx+json", "spdx", [["application/vnd.cncf.notary.signature", "notation-signature"]]],
    ["a/b", undefined],
  ]);
  // The filter is for the first level: what signs a bill of materials is of another type.
  assert.deepEqual(asked, ["a/b", undefined, undefined, undefined]);
});

test("a circle, and one referrer of two subjects, end", async () => {
  const [a, b] = [named("a", "x/a"), named("b", "x/b")];
  const { store } = storeOf(linksOf({ root: [a, b], a: [b, named("root", "x/root")], b: [a] }));
  const tree = await discoverReferrers(store, named("root"));
  assert.deepEqual(shape(tree.referrers), [
    [
      "x/a",
      undefined,
      [
        ["x/b", undefined, "repeated"],
        ["x/root", undefined, "repeated"],
      ],
    ],
    ["x/b", undefined, [["x/a", undefined, "repeated"]]],
  ]);
});

test("CVE-2023-33957: endless referrers are refused", async () => {
  let count = 0;
  const wide = storeOf(() => Array.from({ length: 2000 }, () => named(`n${count++}`)));
  await assert.rejects(discoverReferrers(wide.store, "v1"), { code: "ERR_OCI_LIST_TOO_LONG" });
  const deep = storeOf(() => [named(`n${count++}`)]);
  await assert.rejects(discoverReferrers(deep.store, "v1"), { code: "ERR_OCI_LIST_TOO_LONG" });
  assert.equal(deep.asked.length, 9);
  await assert.rejects(discoverReferrers(deep.store, "v1", { maxDepth: -1 }), RangeError);
  const one = storeOf(linksOf({ root: [named("a")] }));
  await assert.rejects(discoverReferrers(one.store, "v1", { maxReferrers: 0 }), {
    code: "ERR_OCI_LIST_TOO_LONG",
  });
  assert.equal((await discoverReferrers(one.store, "v1", { maxReferrers: 1 })).referrers.length, 1);
});
