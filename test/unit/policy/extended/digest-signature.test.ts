import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { test } from "node:test";
import { isDigestSignature, type SignatureHash } from "../../../../src/policy/extended/digest-signature.ts";

const HASHES: readonly SignatureHash[] = ["sha256", "sha384", "sha512"];

function digestOf(hash: SignatureHash, bytes: Uint8Array): Buffer {
  return createHash(hash).update(bytes).digest();
}

/** DER of two integers, whatever they are. */
function derPair(r: bigint, s: bigint): Buffer {
  const integer = (value: bigint): Buffer => {
    let hex = value.toString(16);
    if (hex.length % 2 === 1) hex = `0${hex}`;
    if (Number.parseInt(hex.slice(0, 2), 16) >= 0x80) hex = `00${hex}`;
    return Buffer.concat([Buffer.of(2, hex.length / 2), Buffer.from(hex, "hex")]);
  };
  const content = Buffer.concat([integer(r), integer(s)]);
  const length = content.length < 0x80 ? Buffer.of(content.length) : Buffer.of(0x81, content.length);
  return Buffer.concat([Buffer.of(0x30), length, content]);
}

function readPair(signature: Uint8Array): [bigint, bigint] {
  const start = (signature[1] ?? 0) > 0x80 ? 3 : 2;
  const rLength = signature[start + 1] ?? 0;
  const hexOf = (from: number, length: number) =>
    BigInt(`0x${Buffer.from(signature.subarray(from, from + length)).toString("hex")}`);
  const sAt = start + 2 + rLength;
  return [hexOf(start + 2, rLength), hexOf(sAt + 2, signature[sAt + 1] ?? 0)];
}

const ORDERS: Readonly<Record<string, bigint>> = {
  "P-256": 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  "P-384":
    0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  "P-521":
    0x1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
};

for (const [namedCurve, order] of Object.entries(ORDERS)) {
  test(`ECDSA on ${namedCurve}: what node:crypto signs is accepted over its digest, and nothing else`, () => {
    for (const hash of HASHES) {
      for (let round = 0; round < 6; round++) {
        const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve });
        const other = generateKeyPairSync("ec", { namedCurve }).publicKey;
        const bytes = randomBytes(round * 31);
        const digest = digestOf(hash, bytes);
        const signature = sign(hash, bytes, privateKey);
        assert.equal(isDigestSignature(publicKey, digest, signature, hash), true);
        assert.equal(isDigestSignature(other, digest, signature, hash), false);
        assert.equal(isDigestSignature(publicKey, digestOf(hash, randomBytes(5)), signature, hash), false);
        const [r, s] = readPair(signature);
        assert.deepEqual(derPair(r, s), signature);
        // The other signature of the same pair of key and message, as every verifier of ECDSA takes it.
        assert.equal(isDigestSignature(publicKey, digest, derPair(r, order - s), hash), true);
        for (const [wrongR, wrongS] of [
          [0n, s],
          [r, 0n],
          [0n, 0n],
          [order, s],
          [r, order],
          [r + order, s],
          [r, s + order],
          [r, s + 1n],
          [r + 1n, s],
          [s, r],
        ] as const) {
          assert.equal(isDigestSignature(publicKey, digest, derPair(wrongR, wrongS), hash), false);
        }
      }
    }
  });
}

test("a signature that is not strict DER is refused", () => {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const digest = digestOf("sha256", Buffer.from("x"));
  const signature = sign("sha256", Buffer.from("x"), privateKey);
  const wrong: Uint8Array[] = [
    Buffer.alloc(0),
    signature.subarray(0, -1),
    Buffer.concat([signature, Buffer.of(0)]),
    Buffer.concat([Buffer.of(0x31), signature.subarray(1)]),
    Buffer.concat([Buffer.of(0x30, 0x81), signature.subarray(1)]),
    // Negative numbers.
    Buffer.of(0x30, 6, 2, 1, 0x80, 2, 1, 1),
    Buffer.of(0x30, 6, 2, 1, 1, 2, 1, 0xff),
  ];
  for (const each of wrong) assert.equal(isDigestSignature(publicKey, digest, each, "sha256"), false);
});

test("RSA: the whole padded message is compared", () => {
  for (const modulusLength of [2048, 3072]) {
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength });
    for (const hash of HASHES) {
      const bytes = randomBytes(40);
      const digest = digestOf(hash, bytes);
      const signature = sign(hash, bytes, privateKey);
      assert.equal(isDigestSignature(publicKey, digest, signature, hash), true);
      assert.equal(isDigestSignature(publicKey, digestOf(hash, randomBytes(3)), signature, hash), false);
      const flipped = Buffer.from(signature);
      flipped[10] = (flipped[10] ?? 0) ^ 1;
      assert.equal(isDigestSignature(publicKey, digest, flipped, hash), false);
      assert.equal(isDigestSignature(publicKey, digest, signature.subarray(1), hash), false);
      const longer = Buffer.concat([Buffer.of(0), signature]);
      assert.equal(isDigestSignature(publicKey, digest, longer, hash), false);
    }
    const pss = { key: privateKey, padding: 6 };
    const digest = digestOf("sha256", Buffer.from("x"));
    assert.equal(
      isDigestSignature(publicKey, digest, sign("sha256", Buffer.from("x"), pss), "sha256"),
      false,
    );
  }
});

test("a digest of another length than its hash function's is refused", () => {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const digest = digestOf("sha256", Buffer.from("x"));
  const signature = sign("sha256", Buffer.from("x"), privateKey);
  assert.equal(isDigestSignature(publicKey, digest, signature, "sha512"), false);
  assert.equal(isDigestSignature(publicKey, digest.subarray(1), signature, "sha256"), false);
  // A digest that is longer by what the curve cuts off is another digest.
  const longer = Buffer.concat([digest, Buffer.of(0)]);
  assert.equal(isDigestSignature(publicKey, longer, signature, "sha256"), false);
});

test("keys that cannot be checked over a digest are never accepted", () => {
  const keys: KeyObject[] = [
    generateKeyPairSync("ed25519").publicKey,
    generateKeyPairSync("ec", { namedCurve: "secp256k1" }).publicKey,
  ];
  const digest = digestOf("sha256", Buffer.from("x"));
  for (const key of keys) assert.equal(isDigestSignature(key, digest, Buffer.alloc(64), "sha256"), false);
});
