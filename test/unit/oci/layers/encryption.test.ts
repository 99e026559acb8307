import assert from "node:assert/strict";
import { createCipheriv, createHmac, generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import { FlattenedEncrypt, GeneralEncrypt } from "jose";
import { collectBytes, streamOf } from "../../../../src/core/bytes.ts";
import { digestOf } from "../../../../src/core/digest.ts";
import type { LadingError } from "../../../../src/core/errors.ts";
import { OCI_LAYER_GZIP } from "../../../../src/core/media-types.ts";
import { type Descriptor, describeContent } from "../../../../src/oci/descriptor.ts";
import { decryptLayer, layerEncryption } from "../../../../src/oci/layers/index.ts";

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const other = generateKeyPairSync("rsa", { modulusLength: 2048 });
const plain = randomBytes(100_000);

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64");

async function encrypt({
  digest = digestOf(plain) as string,
  cipher = "AES_256_CTR_HMAC_SHA256",
} = {}): Promise<{
  descriptor: Descriptor;
  content: Buffer;
}> {
  const [key, nonce] = [randomBytes(32), randomBytes(16)];
  const aes = createCipheriv("aes-256-ctr", key, nonce);
  const content = Buffer.concat([aes.update(plain), aes.final()]);
  const secret = Buffer.from(
    JSON.stringify({
      symkey: key.toString("base64"),
      digest,
      cipheroptions: { nonce: nonce.toString("base64") },
    }),
  );
  const jwe = await new GeneralEncrypt(secret)
    .setProtectedHeader({ enc: "A256GCM" })
    .addRecipient(rsa.publicKey)
    .setUnprotectedHeader({ alg: "RSA-OAEP" })
    .addRecipient(ec.publicKey)
    .setUnprotectedHeader({ alg: "ECDH-ES+A256KW" })
    .encrypt();
  const hmac = createHmac("sha256", key).update(content).digest("base64");
  const annotations = {
    "org.opencontainers.image.enc.keys.jwe": base64(jwe),
    "org.opencontainers.image.enc.keys.pgp": "AA==",
    "org.opencontainers.image.enc.pubopts": base64({ cipher, hmac, cipheroptions: {} }),
  };
  const descriptor = { ...describeContent(content, `${OCI_LAYER_GZIP}+encrypted`), annotations };
  return { descriptor, content };
}

const code = (expected: string) => (error: LadingError) => error.code === expected;
const open = async (descriptor: Descriptor, content: Uint8Array, ...keys: KeyObject[]) => {
  const layer = await decryptLayer(descriptor, streamOf(content.subarray(0, 777), content.subarray(777)), {
    keys,
  });
  return { ...layer, bytes: await collectBytes(layer.content, { maxBytes: 1e6 }) };
};

describe("encrypted layers", () => {
  test("each recipient opens the layer, also behind keys of others", async () => {
    const { descriptor, content } = await encrypt();
    for (const keys of [[rsa.privateKey], [ec.privateKey], [other.privateKey, ec.privateKey]]) {
      const layer = await open(descriptor, content, ...keys);
      assert.ok(plain.equals(layer.bytes));
      assert.deepEqual([layer.mediaType, layer.digest], [OCI_LAYER_GZIP, digestOf(plain)]);
    }
  });

  test("a key for one recipient alone, in the short form, and several wraps", async () => {
    const { descriptor, content } = await encrypt({ digest: "" });
    const all = descriptor.annotations?.["org.opencontainers.image.enc.keys.jwe"] ?? "";
    const stranger = await new FlattenedEncrypt(randomBytes(40))
      .setProtectedHeader({ alg: "RSA-OAEP", enc: "A256GCM" })
      .encrypt(other.publicKey);
    const annotations = {
      ...descriptor.annotations,
      "org.opencontainers.image.enc.keys.jwe": `${base64(stranger)},${all}`,
    };
    const layer = await open({ ...descriptor, annotations }, content, rsa.privateKey);
    assert.ok(plain.equals(layer.bytes));
    assert.equal(layer.digest, undefined);
  });

  test("what a descriptor says about encryption", async () => {
    const { descriptor } = await encrypt();
    assert.deepEqual(layerEncryption(descriptor), { mediaType: OCI_LAYER_GZIP, schemes: ["jwe", "pgp"] });
    assert.equal(layerEncryption({ ...descriptor, mediaType: OCI_LAYER_GZIP }), undefined);
    await assert.rejects(
      decryptLayer({ ...descriptor, mediaType: OCI_LAYER_GZIP }, streamOf(), { keys: [] }),
      TypeError,
    );
  });

  test("without a right key it stays closed", async () => {
    const { descriptor, content } = await encrypt();
    await assert.rejects(open(descriptor, content), code("ERR_OCI_LAYER_ENCRYPTED"));
    await assert.rejects(open(descriptor, content, other.privateKey), code("ERR_OCI_LAYER_ENCRYPTED"));
    const { annotations: _, ...bare } = descriptor;
    await assert.rejects(open(bare, content, rsa.privateKey), code("ERR_OCI_LAYER_ENCRYPTED"));
  });

  test("content that was changed, cut or lengthened fails before its end", async () => {
    const { descriptor, content } = await encrypt({ digest: "" });
    const flipped = Buffer.from(content);
    flipped[5000] = ~(flipped[5000] ?? 0);
    for (const bad of [flipped, content.subarray(0, -1), Buffer.concat([content, Buffer.from("x")])]) {
      await assert.rejects(open(descriptor, bad, rsa.privateKey), code("ERR_OCI_LAYER_ENCRYPTED"));
    }
  });

  test("another layer than its key names fails", async () => {
    const { descriptor, content } = await encrypt({ digest: digestOf("another") });
    await assert.rejects(open(descriptor, content, rsa.privateKey), code("ERR_DIGEST_MISMATCH"));
  });

  test("damaged annotations and unknown ciphers fail as such", async () => {
    const { descriptor, content } = await encrypt();
    const unknown = await encrypt({ cipher: "ROT13" });
    await assert.rejects(open(unknown.descriptor, content, rsa.privateKey), code("ERR_OCI_LAYER_ENCRYPTED"));
    const noDigest = await encrypt({ digest: "md5:x" });
    await assert.rejects(open(noDigest.descriptor, content, rsa.privateKey), code("ERR_OCI_LAYER_ENCRYPTED"));
    for (const key of Object.keys(descriptor.annotations ?? {}).filter((name) => !name.endsWith("pgp"))) {
      for (const value of [
        "",
        "!",
        base64(null),
        base64({}),
        base64([]),
        base64({ recipients: 1 }),
        "A".repeat(1e6),
      ]) {
        const annotations = { ...descriptor.annotations, [key]: value };
        await assert.rejects(
          open({ ...descriptor, annotations }, content, rsa.privateKey),
          code("ERR_OCI_LAYER_ENCRYPTED"),
          `${key} ${value.slice(0, 20)}`,
        );
      }
    }
  });

  test("keys wrapped by a password are not tried", async () => {
    const { descriptor, content } = await encrypt();
    const weak = await new FlattenedEncrypt(Buffer.from("{}"))
      .setProtectedHeader({ alg: "PBES2-HS256+A128KW", enc: "A256GCM" })
      .encrypt(randomBytes(8));
    const annotations = { ...descriptor.annotations, "org.opencontainers.image.enc.keys.jwe": base64(weak) };
    const started = performance.now();
    await assert.rejects(
      open({ ...descriptor, annotations }, content, rsa.privateKey),
      code("ERR_OCI_LAYER_ENCRYPTED"),
    );
    assert.ok(performance.now() - started < 1000);
  });
});
