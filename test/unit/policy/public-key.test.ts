import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { test } from "node:test";
import { formatPublicKeyPem, parsePublicKeyPem } from "../../../src/policy/public-key.ts";
import { payloadSignatureProblem } from "../../../src/policy/signature.ts";
import { mintKey, publicKeyPem, toPem } from "../../../src/testing/certificates.ts";

const payload = Buffer.from("payload");

function refuses(pem: string | Uint8Array): void {
  assert.throws(() => parsePublicKeyPem(pem), { code: "ERR_POLICY_TRUST_ROOT" });
}

test("keys of both PEM types, of which the first block counts", () => {
  const [first, second] = [mintKey(), mintKey()].map(publicKeyPem);
  assert.ok(first && second);
  assert.equal(formatPublicKeyPem(parsePublicKeyPem(`text\n${first}${second}`)), first);
  const rsa = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey;
  const pkcs1 = rsa.export({ format: "pem", type: "pkcs1" }).toString();
  assert.equal(parsePublicKeyPem(pkcs1).kind, "rsa");
});

test("what is no key, or of no supported kind, is refused", () => {
  refuses("");
  refuses("no pem");
  refuses(toPem("PUBLIC KEY", Buffer.from("junk")));
  refuses(toPem("PUBLIC KEY", Buffer.alloc(0)));
  refuses(toPem("PRIVATE KEY", Buffer.from("junk")));
  refuses(mintKey().export({ format: "pem", type: "pkcs8" }).toString());
  refuses(Buffer.from([0xff, 0xff]));
  const spki = (key: KeyObject) => key.export({ format: "pem", type: "spki" }).toString();
  refuses(spki(generateKeyPairSync("ec", { namedCurve: "secp256k1" }).publicKey));
  refuses(spki(generateKeyPairSync("x25519").publicKey));
  refuses(spki(generateKeyPairSync("ed448").publicKey));
  refuses(spki(generateKeyPairSync("rsa-pss", { modulusLength: 1024 }).publicKey));
  // The wrong label for the content.
  refuses(spki(createPublicKey(mintKey())).replaceAll("PUBLIC KEY", "RSA PUBLIC KEY"));
});

test("RSA keys that are too short verify nothing", () => {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 768 });
  const key = parsePublicKeyPem(publicKey.export({ format: "pem", type: "spki" }).toString());
  assert.equal(
    payloadSignatureProblem(key, payload, sign("sha256", payload, privateKey)),
    "crypto/rsa: verification error",
  );
});

test("RSA keys with an exponent that anyone can sign for, or that only costs time, are refused", () => {
  const { n = "" } = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey.export({ format: "jwk" });
  const withExponent = (e: string) =>
    createPublicKey({ format: "jwk", key: { kty: "RSA", n, e: Buffer.from(e, "hex").toString("base64url") } })
      .export({ format: "pem", type: "spki" })
      .toString();
  assert.equal(parsePublicKeyPem(withExponent("7fffffff")).kind, "rsa");
  refuses(withExponent("01"));
  refuses(withExponent("80000001"));
  refuses(withExponent("ff".repeat(120)));
});

test("a signature of one kind of key is none of another", () => {
  const pairs = [
    generateKeyPairSync("ec", { namedCurve: "P-256" }),
    generateKeyPairSync("rsa", { modulusLength: 2048 }),
    generateKeyPairSync("ed25519"),
  ];
  for (const signer of pairs) {
    const hash = signer.privateKey.asymmetricKeyType === "ed25519" ? null : "sha256";
    const signature = sign(hash, payload, signer.privateKey);
    for (const verifier of pairs) {
      const pem = verifier.publicKey.export({ format: "pem", type: "spki" }).toString();
      const problem = payloadSignatureProblem(parsePublicKeyPem(pem), payload, signature);
      assert.equal(problem === undefined, signer === verifier);
    }
  }
});

test("another hash than SHA-256 does not verify", () => {
  for (const { publicKey, privateKey } of [
    generateKeyPairSync("ec", { namedCurve: "P-384" }),
    generateKeyPairSync("rsa", { modulusLength: 2048 }),
  ]) {
    const key = parsePublicKeyPem(publicKey.export({ format: "pem", type: "spki" }).toString());
    assert.equal(payloadSignatureProblem(key, payload, sign("sha256", payload, privateKey)), undefined);
    for (const hash of ["sha1", "sha384", "sha512"]) {
      assert.notEqual(
        payloadSignatureProblem(key, payload, sign(hash, payload, privateKey)),
        undefined,
        hash,
      );
    }
  }
});
