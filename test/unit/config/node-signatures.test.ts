import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeSignatureSources } from "../../../src/config/node/signatures.ts";
import { digestOf } from "../../../src/core/digest.ts";
import { parseReference } from "../../../src/core/reference.ts";
import { memoryStore } from "../../../src/oci/memory-store.ts";
import type { SignatureListing } from "../../../src/policy/sources/signature-source.ts";
import { containerdNode, crioNode, type RootFiles, withRoot } from "./node-root.ts";

const DIGEST = digestOf(Buffer.from("image"));
const PLACE = `library/busybox@sha256=${DIGEST.slice("sha256:".length)}`;
/** Begins as a message of OpenPGP does, which is all that a simple signature is told by. */
const blob = (mark: number): Buffer => Buffer.from([0x90, mark]);

/** What the sources of a root list. */
async function listed(inside: RootFiles, outside: RootFiles = {}): Promise<SignatureListing> {
  let listing: SignatureListing = { signatures: [], lookedAt: [] };
  await withRoot({ inside, outside }, async (root) => {
    const [source] = nodeSignatureSources(await crioNode(root), { registryExtension: "none" });
    assert.ok(source);
    try {
      const reference = parseReference("docker.io/library/busybox:1");
      const image = {
        repository: "docker.io/library/busybox",
        reference,
        store: memoryStore(),
        digest: DIGEST,
      };
      const found = await source.list(image, {});
      assert.ok("lookedAt" in found);
      listing = found;
    } finally {
      await source.close();
    }
  });
  return listing;
}

function marks({ signatures }: SignatureListing): unknown[] {
  return signatures.map(({ signature }) =>
    signature.format === "simple-signing" ? signature.content[1] : signature.format,
  );
}

test("a lookaside store in a folder is that of the root", async () => {
  const config = (url: string): RootFiles => ({
    "/etc/containers/registries.d/a.yaml": `default-docker:\n  lookaside: ${url}\n`,
  });
  const store = { [`/sigs/${PLACE}/signature-1`]: blob(1) };
  const leak = { [`/sigs/${PLACE}/signature-1`]: blob(9), [`/sigs/${PLACE}/signature-2`]: blob(9) };
  for (const url of ["file:///sigs", "file:///x/../../sigs", "file:///../../../../sigs"]) {
    assert.deepEqual(marks(await listed({ ...config(url), ...store }, leak)), [1], url);
  }
  const link = { ...config("file:///l"), "/l": "->../../sigs", ...store };
  assert.deepEqual(marks(await listed(link, leak)), [1]);
  assert.deepEqual(marks(await listed({ ...config("file:///l"), "/l": "->$TOP/sigs" }, leak)), []);
});

test("the store where none is configured is that of the root, too", async () => {
  const place = `/var/lib/containers/sigstore/${PLACE}/signature-1`;
  const found = await listed({ [place]: blob(2) }, { [place]: blob(9) });
  assert.deepEqual(marks(found), [2]);
  assert.equal(found.lookedAt.find(({ place }) => place === "lookaside")?.kind, "found");
});

test("folders of registries.d are those of the root", async () => {
  const inside = {
    "/etc/containers/registries.d": "->../../../d",
    "/d/a.yaml": "default-docker:\n  lookaside: file:///in\n",
    [`/in/${PLACE}/signature-1`]: blob(3),
  };
  const outside = { "/d/a.yaml": "default-docker:\n  lookaside: file:///out\n" };
  assert.deepEqual(marks(await listed(inside, outside)), [3]);
});

test("what cannot be read is no missing signature", async () => {
  const folder = `/var/lib/containers/sigstore/${PLACE}/signature-1/x`;
  await assert.rejects(listed({ [folder]: "" }), { code: "ERR_POLICY_SIGNATURES" });
  const file = { "/var/lib/containers/sigstore": "a file" };
  await assert.rejects(listed(file), { code: "ERR_POLICY_SIGNATURES" });
});

test("containerd looks at no signature", async () => {
  await withRoot({ inside: {} }, async (root) => {
    assert.deepEqual(nodeSignatureSources(await containerdNode(root)), []);
  });
});
