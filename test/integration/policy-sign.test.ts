/** Signing into real stores: a registry over HTTP and layouts on disk, with several writers. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { OCI_CONFIG } from "../../src/core/media-types.ts";
import { packArtifact } from "../../src/oci/artifact.ts";
import type { Descriptor } from "../../src/oci/descriptor.ts";
import { cosignTag } from "../../src/oci/digest-tag.ts";
import { fetchManifest } from "../../src/oci/fetch.ts";
import { pushImage } from "../../src/oci/push-image.ts";
import { createRegistry } from "../../src/oci/registry.ts";
import type { ReferrerLister, Store } from "../../src/oci/store.ts";
import { createLayout, openLayout } from "../../src/oci/stores/layout.ts";
import { parsePolicy } from "../../src/policy/parse.ts";
import { generateKeyPair } from "../../src/policy/signing/key-pair.ts";
import { signImage } from "../../src/policy/signing/sign-image.ts";
import { createKeySigner, type KeySigner } from "../../src/policy/signing/signer.ts";
import { sigstoreAttachments } from "../../src/policy/sources/index.ts";
import { createVerifier } from "../../src/policy/verifier.ts";
import { startRegistry } from "../../src/testing/registry.ts";

const directory = await mkdtemp(join(tmpdir(), "lading-sign-"));
const server = await startRegistry();
const clients = Array.from({ length: 4 }, () => createRegistry({ plainHttp: [server.host] }));
after(async () => {
  for (const client of clients) await client.close();
  await server.close();
  await rm(directory, { recursive: true });
});

async function newSigner(): Promise<KeySigner> {
  return createKeySigner((await generateKeyPair({ passphrase: null })).privateKey);
}

async function pushTo(store: Store, tag: string): Promise<Descriptor> {
  const config = { content: Buffer.from("{}"), mediaType: OCI_CONFIG };
  return pushImage(store, packArtifact({ config, files: [{ content: Buffer.from(tag) }] }), tag);
}

async function layersAt(store: Store, { digest }: Descriptor): Promise<number> {
  const manifest = await fetchManifest(store, cosignTag(digest, "sig"));
  return manifest.kind === "manifest" ? manifest.value.layers.length : -1;
}

async function assertAllowed(store: Store, reference: string, signers: readonly KeySigner[]): Promise<void> {
  for (const { publicKey } of signers) {
    const keyData = Buffer.from(publicKey).toString("base64");
    const requirement = { type: "sigstoreSigned", keyData };
    const verifier = createVerifier(parsePolicy(JSON.stringify({ default: [requirement] })), {
      source: { repository: () => store },
      signatureSources: [sigstoreAttachments()],
    });
    const verdict = await verifier.evaluate(reference);
    assert.equal(verdict.kind, "allowed", verdict.kind === "rejected" ? verdict.reason : "");
  }
}

test("writers with clients of their own lose no signature in a registry", async () => {
  const name = `${server.host}/team/app`;
  const [first] = clients;
  assert.ok(first);
  const image = await pushTo(first.repository(name), "1");
  const signers = await Promise.all(clients.map(newSigner));
  await Promise.all(
    clients.map((client, at) =>
      signImage(client.repository(name), `${name}:1`, signers[at] ?? assert.fail(), {
        identity: "reference",
      }),
    ),
  );
  assert.equal(await layersAt(first.repository(name), image), clients.length);
  await assertAllowed(first.repository(name), `${name}:1`, signers);
});

test("writers with handles of their own lose no signature in a layout", async () => {
  const path = join(directory, "layout");
  const layout = await createLayout(path);
  const image = await pushTo(layout, "1");
  const handles = await Promise.all(Array.from({ length: 4 }, () => openLayout(path)));
  const signers = await Promise.all(handles.map(newSigner));
  await Promise.all(
    handles.map((handle, at) =>
      signImage(handle, "quay.example/app:1", signers[at] ?? assert.fail(), { identity: "reference" }),
    ),
  );
  assert.equal(await layersAt(layout, image), handles.length);
  await assertAllowed(layout, "quay.example/app:1", signers);
});

test("signatures refer to what they sign where that is asked for", async () => {
  const listOf = async (store: ReferrerLister, image: Descriptor): Promise<(string | undefined)[]> => {
    const types: (string | undefined)[] = [];
    for await (const { artifactType } of store.referrers(image)) types.push(artifactType);
    return types;
  };
  const type = "application/vnd.dev.cosign.artifact.sig.v1+json";
  const name = `${server.host}/team/referred`;
  const [client] = clients;
  assert.ok(client);
  const stores = [client.repository(name), await createLayout(join(directory, "referred"))];
  for (const store of stores) {
    const image = await pushTo(store, "1");
    const signer = await newSigner();
    await signImage(store, `${name}:1`, signer);
    assert.deepEqual(await listOf(store, image), []);
    const { signed } = await signImage(store, `${name}:1`, signer, { referrer: true, creator: "second" });
    assert.deepEqual(await listOf(store, image), [type]);
    const only = signed[0] ?? assert.fail();
    const manifest = await fetchManifest(store, only.referrer ?? assert.fail());
    if (manifest.kind !== "manifest") return assert.fail();
    assert.deepEqual(manifest.value.subject, image);
    assert.deepEqual(manifest.value.layers[0]?.annotations, Object.fromEntries(only.signature.annotations));
  }
});

test("nothing is asked of a registry after an abort, and a closed client signs nothing", async () => {
  const another = await startRegistry();
  const client = createRegistry({ plainHttp: [another.host] });
  try {
    const name = `${another.host}/team/app`;
    await pushTo(client.repository(name), "1");
    const before = another.requests.length;
    const aborted = AbortSignal.abort(new Error("enough"));
    await assert.rejects(
      signImage(client.repository(name), `${name}:1`, await newSigner(), { signal: aborted }),
    );
    assert.equal(another.requests.length, before);
    await client.close();
    await assert.rejects(signImage(client.repository(name), `${name}:1`, await newSigner()), {
      code: "ERR_OCI_CLOSED",
    });
  } finally {
    await another.close();
  }
});
