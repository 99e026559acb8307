/**
 * Keys, tokens, answers of services and stored manifests of any content: an error of lading or the right answer, never
 * another exception, and never a signature for something else.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { digestHex, digestOf } from "../../src/core/digest.ts";
import { isLadingError } from "../../src/core/errors.ts";
import { OCI_CONFIG, OCI_MANIFEST, SIMPLE_SIGNING } from "../../src/core/media-types.ts";
import { describeContent } from "../../src/oci/descriptor.ts";
import { memoryStore } from "../../src/oci/memory-store.ts";
import { PolicyError } from "../../src/policy/errors.ts";
import { parsePayload } from "../../src/policy/payload.ts";
import { parsePublicKeyPem } from "../../src/policy/public-key.ts";
import { verifyRekorSet } from "../../src/policy/rekor.ts";
import { parseEntryBody } from "../../src/policy/rekor-entry.ts";
import type { SigstoreSignature } from "../../src/policy/signature-blob.ts";
import { addSignatures, holdsAll, readAttachments } from "../../src/policy/signing/attachments.ts";
import { formatCosignPayload } from "../../src/policy/signing/cosign-payload.ts";
import { decryptKey, encryptKey } from "../../src/policy/signing/encrypted-key.ts";
import { createFulcioClient } from "../../src/policy/signing/fulcio-client.ts";
import { tokenSubject } from "../../src/policy/signing/identity-token.ts";
import { generateKeyPair } from "../../src/policy/signing/key-pair.ts";
import { createRekorClient } from "../../src/policy/signing/rekor-client.ts";
import { openSecretbox, sealSecretbox } from "../../src/policy/signing/secretbox.ts";
import { createKeySigner } from "../../src/policy/signing/signer.ts";
import { createAuthorities } from "../../src/testing/authorities.ts";
import { mintKey } from "../../src/testing/certificates.ts";
import { createIdentityProvider } from "../../src/testing/signing/index.ts";
import { mutated } from "../unit/policy/mutated.ts";
import { property } from "./runs.ts";

/** Fewer runs, for what takes milliseconds each. */
const slow = { ...property, numRuns: Math.ceil(property.numRuns / 50) };
const some = { ...property, numRuns: Math.ceil(property.numRuns / 5) };
const authorities = createAuthorities();
const signer = await createKeySigner(mintKey());
const payload = Buffer.from("payload");
const entry = {
  payload,
  signatureBase64: Buffer.from(await signer.sign(payload)).toString("base64"),
  keyOrCertificatePem: signer.publicKey,
};

/** What a call comes to, an error of the policy module included; anything else fails the test. */
async function outcome<T>(run: () => Promise<T>): Promise<T | PolicyError> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof PolicyError) return error;
    throw error;
  }
}

test("a private key that was changed is another key or an error", async () => {
  const { privateKey } = await generateKeyPair({ passphrase: null });
  await fc.assert(
    fc.asyncProperty(fc.oneof(mutated(Buffer.from(privateKey)), fc.uint8Array()), async (bytes) => {
      const read = await outcome(() => createKeySigner(bytes));
      if (read instanceof PolicyError) assert.match(read.code, /^ERR_POLICY_(PRIVATE_KEY|PASSPHRASE)$/);
      else parsePublicKeyPem(read.publicKey);
    }),
    property,
  );
});

test("an encrypted key that was changed does not open to another one", async () => {
  const encrypted = await encryptKey(payload, "x", { strength: "legacy" });
  await fc.assert(
    fc.asyncProperty(mutated(encrypted), async (bytes) => {
      const opened = await outcome(() => decryptKey(bytes, "x"));
      if (opened instanceof PolicyError) assert.match(opened.code, /^ERR_POLICY_(PRIVATE_KEY|PASSPHRASE)$/);
      else assert.deepEqual(Buffer.from(opened), payload);
    }),
    slow,
  );
});

test("a box opens to what was sealed, and to nothing else", () => {
  const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const nonce = fc.uint8Array({ minLength: 24, maxLength: 24 });
  fc.assert(
    fc.property(fc.uint8Array(), nonce, key, fc.nat(), (message, iv, secret, at) => {
      const box = sealSecretbox(message, iv, secret);
      assert.deepEqual(Buffer.from(openSecretbox(box, iv, secret) ?? "none"), Buffer.from(message));
      const changed = Buffer.from(box);
      const bit = at % (changed.length * 8);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.equal(openSecretbox(changed, iv, secret), undefined);
    }),
    some,
  );
});

test("a token of any content gives a name or an error", () => {
  const token = createIdentityProvider().token("dev@example.com");
  const near = fc.oneof(
    mutated(Buffer.from(token)).map((bytes) => bytes.toString("latin1")),
    fc.json().map((text) => `e30.${Buffer.from(text).toString("base64url")}.e30`),
    fc.string(),
  );
  fc.assert(
    fc.property(near, (text) => {
      try {
        assert.notEqual(tokenSubject(text), "");
      } catch (error) {
        assert.equal(error instanceof PolicyError && error.code, "ERR_POLICY_SIGNER");
      }
    }),
    property,
  );
});

test("what verifiers read in a payload is what was asked for", () => {
  const digest = digestOf("image");
  const text = fc.string({ unit: "binary" });
  const annotations = fc.dictionary(
    text.filter((name) => name !== "creator" && name !== "timestamp"),
    text,
  );
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", minLength: 1 }),
      fc.option(text, { nil: undefined }),
      fc.option(fc.maxSafeInteger(), { nil: undefined }),
      annotations,
      (dockerReference, creator, timestamp, said) => {
        const bytes = formatCosignPayload({ dockerReference, digest, creator, timestamp, annotations: said });
        assert.deepEqual(parsePayload(bytes, "sigstore"), {
          dockerManifestDigest: digest,
          dockerReference,
          ...(creator === undefined ? {} : { creator }),
          ...(timestamp === undefined ? {} : { timestamp: BigInt(timestamp) }),
        });
      },
    ),
    some,
  );
});

const replying =
  (status: number, body: Uint8Array | string): typeof fetch =>
  async () =>
    new Response(Uint8Array.from(Buffer.from(body)), { status });

test("an answer of Rekor that was changed is an error, or still about the signature", async () => {
  const signed = authorities.logEntry(
    JSON.parse(Buffer.from(JSON.parse(authorities.log(entry)).Payload.body, "base64").toString()),
  );
  const { signedEntryTimestamp, ...rest } = signed;
  const answer = JSON.stringify({ ["0".repeat(64)]: { ...rest, verification: { signedEntryTimestamp } } });
  const key = parsePublicKeyPem(authorities.logPublicKeyPem);
  const read = (body: Uint8Array | string) =>
    outcome(() => {
      const client = createRekorClient({
        url: "https://rekor.example",
        retries: 0,
        fetch: replying(201, body),
      });
      return client.record(entry, {});
    });
  const untouched = await read(answer);
  assert.equal(typeof untouched, "string");
  verifyRekorSet(String(untouched), [key], entry);
  await fc.assert(
    fc.asyncProperty(fc.oneof(mutated(Buffer.from(answer)), fc.json().map(Buffer.from)), async (body) => {
      const bundle = await read(body);
      if (bundle instanceof PolicyError) {
        assert.match(bundle.code, /^ERR_POLICY_SIGN(ER|ING_SERVICE)$/);
        return;
      }
      const { Payload } = JSON.parse(bundle);
      // Without the log's key what is not compared may differ: unused bits of base64, the type of the PEM block.
      const { hash, signature } = parseEntryBody(Buffer.from(Payload.body, "base64"));
      assert.equal(hash.value, digestHex(digestOf(payload)));
      assert.equal(Buffer.from(signature).toString("base64"), entry.signatureBase64);
    }),
    property,
  );
});

test("an answer of Fulcio of any content is certificates or an error", async () => {
  const { certificatePem, chainPem } = authorities.issue("dev@example.com");
  const answer = { signedCertificateEmbeddedSct: { chain: { certificates: [certificatePem, chainPem] } } };
  const bytes = Buffer.from(JSON.stringify(answer));
  const request = { identityToken: "t", publicKeyPem: signer.publicKey, proofOfPossession: payload };
  await fc.assert(
    fc.asyncProperty(fc.oneof(mutated(bytes), fc.json().map(Buffer.from)), async (body) => {
      const client = createFulcioClient({ url: "https://f.example", retries: 0, fetch: replying(200, body) });
      const issued = await outcome(() => client.certify(request, {}));
      if (issued instanceof PolicyError) assert.equal(issued.code, "ERR_POLICY_SIGNING_SERVICE");
      else assert.match(issued.certificatePem, /-----BEGIN CERTIFICATE-----/);
    }),
    property,
  );
});

test("signatures are added to any manifest that can be read, and to no other", async () => {
  const signature: SigstoreSignature = {
    format: "sigstore-json",
    mediaType: SIMPLE_SIGNING,
    payload,
    annotations: new Map([["a", "b"]]),
  };
  const config = Buffer.from(
    '{"architecture":"","os":"","rootfs":{"type":"layers","diff_ids":[]},"history":[]}',
  );
  const layer = describeContent(Buffer.from("layer"), SIMPLE_SIGNING);
  const manifestOf = (configBytes: Uint8Array) =>
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: OCI_MANIFEST,
        config: describeContent(configBytes, OCI_CONFIG),
        layers: [layer],
      }),
    );
  const pair = fc.oneof(
    mutated(manifestOf(config)).map((bytes) => [bytes, config] as const),
    fc.oneof(mutated(config), fc.json().map(Buffer.from)).map((bytes) => [manifestOf(bytes), bytes] as const),
  );
  await fc.assert(
    fc.asyncProperty(pair, async ([bytes, configBytes]) => {
      const store = memoryStore();
      await store.push(describeContent(configBytes, OCI_CONFIG), configBytes);
      await store.push(describeContent(bytes, OCI_MANIFEST), bytes);
      await store.tag(describeContent(bytes, OCI_MANIFEST), "t");
      try {
        const current = await readAttachments(store, "t", undefined);
        const next = addSignatures(current, [signature]);
        for (const { descriptor, content } of next.blobs) await store.push(descriptor, content);
        await store.push(next.manifest, next.bytes);
        await store.tag(next.manifest, "t");
        const after = await readAttachments(store, "t", undefined);
        assert.ok(after && holdsAll(after, [signature]));
        for (const [at, { digest }] of (current?.layers ?? []).entries()) {
          assert.equal(after.layers[at]?.digest, digest);
        }
      } catch (error) {
        if (!isLadingError(error)) throw error;
      }
    }),
    some,
  );
});
