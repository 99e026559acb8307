import assert from "node:assert/strict";
import { createPrivateKey, generateKeyPairSync, type KeyObject, verify } from "node:crypto";
import { test } from "node:test";
import { nextPemBlock, pemText } from "../../../../src/policy/pem.ts";
import { parsePublicKeyPem } from "../../../../src/policy/public-key.ts";
import { payloadSignatureProblem } from "../../../../src/policy/signature.ts";
import { decryptKey, encryptKey } from "../../../../src/policy/signing/encrypted-key.ts";
import { formatPem, generateKeyPair, type KeyAlgorithm } from "../../../../src/policy/signing/key-pair.ts";
import { createKeySigner } from "../../../../src/policy/signing/signer.ts";
import { GO_KEYS } from "./go-keys.ts";

const PAYLOAD = Buffer.from("payload");

for (const { kind, passphrase, privateKey, publicKey } of GO_KEYS) {
  test(`a key that Go encrypted signs: ${kind}`, async () => {
    const signer = await createKeySigner(privateKey, { passphrase });
    assert.equal(signer.publicKey, publicKey);
    const signature = await signer.sign(PAYLOAD);
    assert.equal(payloadSignatureProblem(parsePublicKeyPem(publicKey), PAYLOAD, signature), undefined);
  });

  test(`another passphrase does not open it: ${kind}`, async () => {
    const others = [passphrase.toUpperCase(), `${passphrase} `, passphrase.slice(1), "", "\0"];
    const [other] = others.filter((text) => text !== passphrase);
    await assert.rejects(createKeySigner(privateKey, { passphrase: other }), {
      code: "ERR_POLICY_PASSPHRASE",
    });
    await assert.rejects(createKeySigner(privateKey), { code: "ERR_POLICY_PASSPHRASE" });
  });
}

test("a passphrase may be bytes, and is not normalized", async () => {
  const composed = "p\u00e4ss";
  const { privateKey } = await generateKeyPair({ passphrase: composed, strength: "legacy" });
  await createKeySigner(privateKey, { passphrase: Buffer.from(composed, "utf8") });
  const decomposed = composed.normalize("NFD");
  assert.notEqual(decomposed, composed);
  await assert.rejects(createKeySigner(privateKey, { passphrase: decomposed }), {
    code: "ERR_POLICY_PASSPHRASE",
  });
  await assert.rejects(createKeySigner(privateKey, { passphrase: "\ud800" }), TypeError);
});

test("the empty passphrase is one, and differs from none", async () => {
  const { privateKey } = await generateKeyPair({ passphrase: "", strength: "legacy" });
  assert.match(privateKey, /^-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n/);
  await createKeySigner(privateKey, { passphrase: "" });
  await assert.rejects(createKeySigner(privateKey), { code: "ERR_POLICY_PASSPHRASE" });
  // @ts-expect-error The passphrase is required.
  await assert.rejects(generateKeyPair({}), TypeError);
});

test("the strength decides about the cost that is written", async () => {
  const costOf = async (strength?: "legacy" | "standard" | "owasp") => {
    const json = Buffer.from(await encryptKey(PAYLOAD, "x", { strength })).toString();
    assert.deepEqual(Buffer.from(await decryptKey(Buffer.from(json), "x")), PAYLOAD);
    return JSON.parse(json).kdf.params;
  };
  assert.deepEqual(await costOf("legacy"), { N: 32768, r: 8, p: 1 });
  assert.deepEqual(await costOf(), { N: 65536, r: 8, p: 1 });
  assert.deepEqual(await costOf("owasp"), { N: 131072, r: 8, p: 1 });
  // @ts-expect-error No such strength.
  await assert.rejects(encryptKey(PAYLOAD, "x", { strength: "weak" }), RangeError);
});

test("two encryptions of one key have nothing in common", async () => {
  const [a, b] = await Promise.all([1, 2].map(() => encryptKey(PAYLOAD, "x", { strength: "legacy" })));
  const [first, second] = [a, b].map((bytes) => JSON.parse(Buffer.from(bytes ?? []).toString()));
  assert.notEqual(first.kdf.salt, second.kdf.salt);
  assert.notEqual(first.cipher.nonce, second.cipher.nonce);
});

const KINDS: readonly [KeyAlgorithm, Record<string, unknown>][] = [
  ["ecdsa-p256", { namedCurve: "prime256v1" }],
  ["ecdsa-p384", { namedCurve: "secp384r1" }],
  ["ecdsa-p521", { namedCurve: "secp521r1" }],
  ["ed25519", {}],
  ["rsa-2048", { modulusLength: 2048, publicExponent: 65537n }],
];

for (const [algorithm, details] of KINDS) {
  test(`a new key pair without passphrase: ${algorithm}`, async () => {
    const { privateKey, publicKey } = await generateKeyPair({ passphrase: null, algorithm });
    assert.match(privateKey, /^-----BEGIN PRIVATE KEY-----\n/);
    assert.deepEqual(createPrivateKey(privateKey).asymmetricKeyDetails, details);
    const signer = await createKeySigner(privateKey);
    assert.equal(signer.publicKey, publicKey);
    const hash = algorithm === "ed25519" ? null : "sha256";
    assert.ok(verify(hash, PAYLOAD, publicKey, await signer.sign(PAYLOAD)));
  });
}

test("an algorithm that does not exist is a mistake", async () => {
  // @ts-expect-error No such algorithm.
  await assert.rejects(generateKeyPair({ passphrase: null, algorithm: "dsa" }), RangeError);
  // @ts-expect-error No such algorithm, though objects have it.
  await assert.rejects(generateKeyPair({ passphrase: null, algorithm: "constructor" }), RangeError);
});

test("PEM forms of openssl are read", async () => {
  const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  const sec1 = ec.export({ format: "pem", type: "sec1" }).toString();
  // What `openssl ecparam -genkey` writes before it: the object identifier of P-256.
  const parameters = formatPem("EC PARAMETERS", Buffer.from("06082a8648ce3d030107", "hex"));
  await createKeySigner(sec1);
  await createKeySigner(Buffer.from(parameters + sec1));
  await createKeySigner(rsa.export({ format: "pem", type: "pkcs1" }).toString());
  await createKeySigner(rsa.export({ format: "pem", type: "pkcs8" }).toString());
  await createKeySigner(`a note before it\n${rsa.export({ format: "pem", type: "pkcs8" })}`);
  const cipher = { cipher: "aes-256-cbc", passphrase: "geheim €" };
  const encrypted = ec.export({ format: "pem", type: "pkcs8", ...cipher }).toString();
  await createKeySigner(encrypted, { passphrase: "geheim €" });
  await assert.rejects(createKeySigner(encrypted, { passphrase: "geheim" }), {
    code: "ERR_POLICY_PASSPHRASE",
  });
  await assert.rejects(createKeySigner(encrypted), { code: "ERR_POLICY_PASSPHRASE" });
});

test("a passphrase does not matter to a key that is not encrypted", async () => {
  const { privateKey, publicKey } = await generateKeyPair({ passphrase: null });
  assert.equal((await createKeySigner(privateKey, { passphrase: "x" })).publicKey, publicKey);
});

test("what is no key to sign with is refused", async () => {
  const ec = (namedCurve: string): KeyObject => generateKeyPairSync("ec", { namedCurve }).privateKey;
  const pkcs8 = (key: KeyObject): string => key.export({ format: "pem", type: "pkcs8" }).toString();
  const good = ec("P-256");
  const legacy = good
    .export({ format: "pem", type: "sec1", cipher: "aes-128-cbc", passphrase: "x" })
    .toString();
  const refused: Record<string, string | Uint8Array> = {
    empty: "",
    text: "no key",
    "a public key": (await generateKeyPair({ passphrase: null })).publicKey,
    "another curve": pkcs8(ec("secp256k1")),
    "a short RSA key": pkcs8(generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey),
    "RSA with PSS only": pkcs8(generateKeyPairSync("rsa-pss", { modulusLength: 2048 }).privateKey),
    Ed448: pkcs8(generateKeyPairSync("ed448").privateKey),
    X25519: pkcs8(generateKeyPairSync("x25519").privateKey),
    "encryption by header lines": legacy,
    "a block cut short": pkcs8(good).replace(/\n.*\n-----END/, "\n-----END"),
    "a type that is another one": pkcs8(good).replaceAll("PRIVATE KEY", "RSA PRIVATE KEY"),
    "too long": Buffer.alloc(1024 * 1024 + 1, "a"),
    bytes: Buffer.from([0xff, 0xfe, 0]),
  };
  for (const [name, key] of Object.entries(refused)) {
    await assert.rejects(createKeySigner(key, { passphrase: "x" }), { code: "ERR_POLICY_PRIVATE_KEY" }, name);
  }
  const publicKey = generateKeyPairSync("ed25519").publicKey;
  await assert.rejects(createKeySigner(publicKey), TypeError);
});

test("an encrypted key is read strictly", async () => {
  const json = JSON.parse(Buffer.from(await encryptKey(PAYLOAD, "x", { strength: "legacy" })).toString());
  const change = (patch: object): string => JSON.stringify({ ...json, ...patch });
  const { kdf, cipher } = json;
  const params = (patch: object): string => change({ kdf: { ...kdf, params: { ...kdf.params, ...patch } } });
  const refused: Record<string, string> = {
    "no JSON": "{",
    "a list": "[]",
    "a member too many": change({ more: 1 }),
    "a member twice": JSON.stringify(json).replace('{"kdf"', '{"ciphertext":"","kdf"'),
    "a member too few": JSON.stringify({ kdf, cipher }),
    "another function": change({ kdf: { ...kdf, name: "pbkdf2" } }),
    "another cipher": change({ cipher: { ...cipher, name: "aes" } }),
    "a cost of 1": params({ N: 1 }),
    "a cost that takes 16 GiB": params({ N: 2 ** 24 }),
    "a cost of 2^20 in text": params({ N: "32768" }),
    "another r": params({ r: 16 }),
    "another p": params({ p: 2 }),
    "a float": JSON.stringify(json).replace("32768", "32768.0"),
    "salt that is no base64": change({ kdf: { ...kdf, salt: "?" } }),
    "no salt": change({ kdf: { ...kdf, salt: "" } }),
    "a short nonce": change({ cipher: { ...cipher, nonce: cipher.nonce.slice(4) } }),
    "a ciphertext without authenticator": change({ ciphertext: "AAAA" }),
  };
  for (const [name, text] of Object.entries(refused)) {
    await assert.rejects(decryptKey(Buffer.from(text), "x"), { code: "ERR_POLICY_PRIVATE_KEY" }, name);
  }
  const box = Buffer.from(json.ciphertext, "base64");
  box[box.length - 1] = (box.at(-1) ?? 0) ^ 1;
  const flipped = change({ ciphertext: box.toString("base64") });
  await assert.rejects(decryptKey(Buffer.from(flipped), "x"), { code: "ERR_POLICY_PASSPHRASE" });
});

test("no message names the passphrase or the key", async () => {
  const { privateKey } = await generateKeyPair({ passphrase: "s3cret-one", strength: "legacy" });
  const block = nextPemBlock(pemText(privateKey));
  assert.ok(block);
  const broken = formatPem("PRIVATE KEY", block.bytes);
  for (const key of [privateKey, broken]) {
    const error: Error = await createKeySigner(key, { passphrase: "s3cret-two" }).then(
      () => assert.fail("it must not open"),
      (reason) => reason,
    );
    assert.doesNotMatch(`${error.message} ${JSON.stringify(error)}`, /s3cret|PRIVATE KEY-----/);
  }
});

test("an abort ends each wait with the caller's reason", async () => {
  const reason = new Error("enough");
  const aborted = AbortSignal.abort(reason);
  const is = (error: unknown) => error === reason;
  await assert.rejects(generateKeyPair({ passphrase: "x", signal: aborted }), is);
  const { privateKey } = await generateKeyPair({ passphrase: "x" });
  await assert.rejects(createKeySigner(privateKey, { passphrase: "x", signal: aborted }), is);
  const controller = new AbortController();
  const pending = createKeySigner(privateKey, { passphrase: "x", signal: controller.signal });
  controller.abort(reason);
  await assert.rejects(pending, is);
  const signer = await createKeySigner(privateKey, { passphrase: "x" });
  await assert.rejects(signer.sign(PAYLOAD, { signal: aborted }), is);
});
