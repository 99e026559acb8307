/** Images in directories and layouts, and signatures that are stored beside them. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Digest, digestOf } from "../../../src/core/digest.ts";
import { OCI_INDEX, OCI_MANIFEST, SIMPLE_SIGNING } from "../../../src/core/media-types.ts";
import { createLayout } from "../../../src/oci/stores/layout.ts";
import { PolicyError } from "../../../src/policy/errors.ts";
import { evaluateRequirements } from "../../../src/policy/evaluate.ts";
import { parsePolicy } from "../../../src/policy/parse.ts";
import { parseImageReference } from "../../../src/policy/reference.ts";
import type { StoredSignature } from "../../../src/policy/signature-blob.ts";
import { type LocalImage, readDirectoryImage } from "../../../src/policy/sources/directory.ts";
import { readLayoutImage } from "../../../src/policy/sources/layout-image.ts";
import { createLookasideReader, readLookaside } from "../../../src/policy/sources/lookaside.ts";
import { parseLookasideUrl, repositoryUrl } from "../../../src/policy/sources/lookaside-url.ts";
import { parseRegistriesD } from "../../../src/policy/sources/registries-d.ts";
import {
  formatSignatureBlob,
  lookasideForWriting,
  writeDirectorySignatures,
  writeLookasideSignatures,
} from "../../../src/policy/sources/write-signatures.ts";
import { mintKey, publicKeyPem } from "../../../src/testing/certificates.ts";
import { signImage } from "../../../src/testing/signatures.ts";
import { base64, storedSignature } from "./decide.ts";
import { imageManifest, pushImage } from "./images.ts";

const NAME = "quay.example/team/app";
const key = mintKey();
const message = (text: string): StoredSignature => ({
  format: "simple-signing",
  content: Buffer.concat([Buffer.from([0xa3]), Buffer.from(text)]),
});

async function folderFor(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "local-images-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

const signatureOf = (digest: string) =>
  storedSignature(signImage({ reference: `${NAME}:1`, digest, signer: key }));

const policyText = (
  scope: string,
  identity: unknown = { type: "exactReference", dockerReference: `${NAME}:1` },
) =>
  JSON.stringify({
    default: [{ type: "reject" }],
    transports: {
      dir: {
        [scope]: [{ type: "sigstoreSigned", keyData: base64(publicKeyPem(key)), signedIdentity: identity }],
      },
    },
  });

const decide = (text: string, { image, evidence }: LocalImage) =>
  evaluateRequirements(parsePolicy(text), image, {
    ...evidence,
    file: () => {
      throw new TypeError("no files here");
    },
    now: Date.now() / 1000,
  });

test("an image in a directory is decided on by its path and the signatures beside it", async (t) => {
  const folder = await folderFor(t);
  const manifest = imageManifest();
  await writeFile(join(folder, "manifest.json"), manifest);
  const digest = digestOf(manifest);
  const unsigned = await readDirectoryImage(folder);
  assert.deepEqual(unsigned.lookedAt, [{ kind: "absent", place: "directory", location: folder }]);
  const rejected = await decide(policyText(folder), unsigned);
  assert.equal(
    rejected.kind === "rejected" && rejected.reason,
    "A signature was required, but no signature exists",
  );
  const paths = await writeDirectorySignatures(folder, [message("other"), signatureOf(digest)]);
  assert.deepEqual(paths, [join(folder, "signature-1"), join(folder, "signature-2")]);
  const signed = await readDirectoryImage(folder);
  assert.equal(signed.digest, digest);
  assert.deepEqual(signed.lookedAt, [{ kind: "found", place: "directory", location: folder, found: 2 }]);
  assert.equal((await decide(policyText(folder), signed)).kind, "allowed");
  assert.equal((await decide(policyText(join(folder, "..")), signed)).kind, "allowed", "by its parent");
  assert.equal((await decide(policyText("/elsewhere"), signed)).kind, "rejected");
  const byName = await decide(policyText(folder, { type: "matchRepository" }), signed);
  assert.equal(byName.kind, "rejected", "such an image has no name");
  const message1 = await decide('{"default":[{"type":"reject"}]}', signed);
  assert.equal(
    message1.kind === "rejected" && message1.reason,
    `Running image dir:${folder} is rejected by policy.`,
  );
});

test("the scope of a directory is its real path", async (t) => {
  const folder = await folderFor(t);
  await mkdir(join(folder, "real"));
  await writeFile(join(folder, "real/manifest.json"), imageManifest());
  await symlink("real", join(folder, "link"));
  const { image } = await readDirectoryImage(join(folder, "link"));
  assert.equal(image.lookup.identity, join(folder, "real"));
});

test("of a list one image is chosen, and the signatures of that image alone count", async (t) => {
  const folder = await folderFor(t);
  const [amd, arm] = [imageManifest("amd64"), imageManifest("arm64")];
  const entry = (bytes: Buffer, architecture: string) => ({
    mediaType: OCI_MANIFEST,
    digest: digestOf(bytes),
    size: bytes.byteLength,
    platform: { os: "linux", architecture },
  });
  const list = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [entry(amd, "amd64"), entry(arm, "arm64")],
    }),
  );
  await writeFile(join(folder, "manifest.json"), list);
  const place = (digest: Digest) => join(folder, `${digest.slice("sha256:".length)}.manifest.json`);
  await writeFile(place(digestOf(amd)), amd);
  await writeFile(place(digestOf(arm)), arm);
  await writeDirectorySignatures(folder, [signatureOf(digestOf(list))]);
  await writeDirectorySignatures(folder, [signatureOf(digestOf(arm))], { instance: digestOf(arm) });
  const platform = { os: "linux", architecture: "arm64" };
  const chosen = await readDirectoryImage(folder, { platform });
  assert.equal(chosen.digest, digestOf(arm));
  assert.equal(chosen.indexDigest, digestOf(list));
  assert.equal(chosen.evidence.signatures.length, 1);
  assert.equal((await decide(policyText(folder), chosen)).kind, "allowed");
  const other = await readDirectoryImage(folder, { instanceDigest: digestOf(amd) });
  assert.equal(
    (await decide(policyText(folder), other)).kind,
    "rejected",
    "the signature of the list does not count",
  );
  await assert.rejects(readDirectoryImage(folder), { code: "ERR_POLICY_INSTANCE" });
  await assert.rejects(readDirectoryImage(folder, { instanceDigest: digestOf("x") }), {
    code: "ERR_POLICY_INSTANCE",
  });
  await writeFile(place(digestOf(arm)), amd);
  await assert.rejects(readDirectoryImage(folder, { platform }), { code: "ERR_POLICY_MANIFEST" });
  await rm(place(digestOf(arm)));
  await assert.rejects(readDirectoryImage(folder, { platform }), { code: "ERR_POLICY_MANIFEST" });
});

test("a directory without a manifest, with another document, or unreadable signatures gives no image", async (t) => {
  const folder = await folderFor(t);
  await assert.rejects(readDirectoryImage(join(folder, "none")), { code: "ERR_POLICY_MANIFEST" });
  await assert.rejects(readDirectoryImage(folder), { code: "ERR_POLICY_MANIFEST" });
  for (const text of [
    "",
    "{}",
    "[]",
    "<html>",
    '{"schemaVersion":2,"config":{},"layers":[],"manifests":[]}',
  ]) {
    await writeFile(join(folder, "manifest.json"), text);
    await assert.rejects(readDirectoryImage(folder), { code: "ERR_POLICY_MANIFEST" }, text);
  }
  await writeFile(join(folder, "manifest.json"), imageManifest());
  await symlink("signature-1", join(folder, "signature-1"));
  await assert.rejects(readDirectoryImage(folder), { code: "ERR_POLICY_SIGNATURES" });
  await rm(join(folder, "signature-1"));
  await writeFile(join(folder, "signature-1"), "text");
  await assert.rejects(readDirectoryImage(folder), { code: "ERR_POLICY_SIGNATURES" });
  const reason = new Error("enough");
  await assert.rejects(readDirectoryImage(folder, { signal: AbortSignal.abort(reason) }), reason);
});

test("an image in a layout has no signatures for the node, whatever the layout holds", async (t) => {
  const folder = await folderFor(t);
  const layout = await createLayout(join(folder, "layout"));
  const { digest } = await pushImage(layout, "1");
  const found = await readLayoutImage(join(folder, "layout"), "1");
  assert.equal(found.digest, digest);
  assert.deepEqual(found.evidence.signatures, []);
  assert.equal(found.lookedAt[0]?.kind, "skipped");
  assert.deepEqual(found.image.lookup.identity, join(folder, "layout"));
  const text = JSON.stringify({ default: [{ type: "sigstoreSigned", keyData: base64(publicKeyPem(key)) }] });
  const evaluation = await decide(text, found);
  assert.equal(
    evaluation.kind === "rejected" && evaluation.reason,
    "A signature was required, but no signature exists",
  );
  await assert.rejects(readLayoutImage(join(folder, "layout"), "2"), { code: "ERR_POLICY_MANIFEST" });
  await assert.rejects(readLayoutImage(folder, "1"), { code: "ERR_POLICY_MANIFEST" });
});

test("what is stored in a lookaside folder is read again as it was", async (t) => {
  const folder = await folderFor(t);
  const digest = digestOf(imageManifest());
  const config = await parseRegistriesD([
    {
      path: "/x.yaml",
      text: `docker: {quay.example: {lookaside: "https://read.example", lookaside-staging: "file://${folder}"}}`,
    },
  ]);
  const url = lookasideForWriting(config, "file:///none", parseImageReference(`${NAME}:1`));
  const signatures = [message("one"), signatureOf(digest), message("three")];
  const paths = await writeLookasideSignatures(url, digest, signatures);
  const place = join(folder, `team/app@${digest.replace(":", "=")}`);
  assert.deepEqual(
    paths,
    [1, 2, 3].map((number) => join(place, `signature-${number}`)),
  );
  const reader = createLookasideReader();
  t.after(() => reader.close());
  const read = async () =>
    (await readLookaside(reader, url, digest, {})).map(({ signature }) => plain(signature));
  assert.deepEqual(await read(), signatures.map(plain));
  await writeLookasideSignatures(url, digest, [message("four")]);
  assert.deepEqual(await read(), [...signatures, message("four")].map(plain));
  await writeLookasideSignatures(url, digest, [message("only")], { mode: "replace" });
  assert.deepEqual(await read(), [plain(message("only"))]);
  await writeLookasideSignatures(url, digest, [], { mode: "replace" });
  assert.deepEqual(await readdir(place), []);
});

test("signatures that are stored at the same time are all kept", async (t) => {
  const folder = await folderFor(t);
  const url = repositoryUrl(parseLookasideUrl(`file://${folder}`), "a/b");
  const digest = digestOf("m");
  const texts = Array.from({ length: 40 }, (_, index) => `signature ${index}`);
  await Promise.all(texts.map((text) => writeLookasideSignatures(url, digest, [message(text)])));
  const reader = createLookasideReader();
  t.after(() => reader.close());
  const found = await readLookaside(reader, url, digest, {});
  assert.deepEqual(
    found.map(({ signature }) => plain(signature)).sort(),
    texts.map((text) => plain(message(text))).sort(),
  );
  const names = await readdir(join(folder, `a/b@${digest.replace(":", "=")}`));
  assert.equal(names.length, 40, "no temporary file is left");
});

test("what no reader would accept is not stored, and nothing is left of it", async (t) => {
  const folder = await folderFor(t);
  const url = repositoryUrl(parseLookasideUrl(`file://${folder}`), "a/b");
  const digest = digestOf("m");
  const code = { code: "ERR_POLICY_SIGNATURES" };
  const bad: StoredSignature[] = [
    { format: "simple-signing", content: new Uint8Array(0) },
    { format: "simple-signing", content: Buffer.from("text") },
    { format: "simple-signing", content: Buffer.from("\0simple-signing\nx") },
    { format: "simple-signing", content: Buffer.alloc(4 * 1024 * 1024 + 1, 0xa3) },
    {
      format: "sigstore-json",
      mediaType: "x/y",
      payload: Buffer.alloc(4 * 1024 * 1024),
      annotations: new Map(),
    },
  ];
  for (const signature of bad)
    await assert.rejects(writeLookasideSignatures(url, digest, [message("x"), signature]), code);
  assert.deepEqual(await readdir(folder), []);
  const many = Array.from({ length: 128 }, (_, index) => message(String(index)));
  for (const mode of ["append", "replace"] as const) {
    await assert.rejects(writeLookasideSignatures(url, digest, many, { mode }), code);
  }
  assert.deepEqual(await readdir(folder), []);
  await writeLookasideSignatures(url, digest, many.slice(0, 3));
  await assert.rejects(writeLookasideSignatures(url, digest, many.slice(0, 125)), code);
  const place = join(folder, `a/b@${digest.replace(":", "=")}`);
  assert.equal((await readdir(place)).filter((name) => !name.startsWith("signature-")).length, 0);
  assert.equal((await readdir(place)).length, 127);
  for (const base of ["https://host.example", "/none", "http://x"]) {
    await assert.rejects(writeLookasideSignatures(parseLookasideUrl(base), digest, [message("x")]), code);
  }
  await writeFile(join(folder, "file"), "");
  const blocked = parseLookasideUrl(`file://${folder}/file`);
  await assert.rejects(writeLookasideSignatures(repositoryUrl(blocked, "a"), digest, [message("x")]), code);
  const reason = new Error("enough");
  await assert.rejects(
    writeLookasideSignatures(url, digest, [], { signal: AbortSignal.abort(reason) }),
    reason,
  );
  await assert.rejects(writeLookasideSignatures(url, "sha256:../x" as Digest, [message("x")]), {
    code: "ERR_DIGEST_INVALID",
  });
});

test("the form of a stored signature is that of podman's", async (t) => {
  const folder = await folderFor(t);
  const sigstore: StoredSignature = {
    format: "sigstore-json",
    mediaType: SIMPLE_SIGNING,
    payload: Buffer.from("payload"),
    annotations: new Map([
      ["b", "2"],
      ["a", "ü"],
    ]),
  };
  const [path = ""] = await writeDirectorySignatures(folder, [sigstore]);
  assert.equal(
    await readFile(path, "utf8"),
    `\0sigstore-json\n{"mimeType":"${SIMPLE_SIGNING}","payload":"cGF5bG9hZA==","annotations":{"a":"ü","b":"2"}}`,
  );
  const { content } = message("x") as { content: Uint8Array };
  assert.deepEqual(formatSignatureBlob(message("x")), content);
  assert.throws(
    () => formatSignatureBlob({ format: "simple-signing", content: Buffer.from("x") }),
    PolicyError,
  );
});

function plain(signature: StoredSignature): string {
  return signature.format === "simple-signing"
    ? Buffer.from(signature.content).toString("latin1")
    : JSON.stringify([
        signature.mediaType,
        Buffer.from(signature.payload).toString("base64"),
        [...signature.annotations].sort(),
      ]);
}
