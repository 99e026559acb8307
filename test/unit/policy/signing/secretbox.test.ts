import assert from "node:assert/strict";
import { createCipheriv, randomBytes } from "node:crypto";
import { test } from "node:test";
import { openSecretbox, poly1305, sealSecretbox } from "../../../../src/policy/signing/secretbox.ts";
import { xsalsa20Stream } from "../../../../src/policy/signing/xsalsa20.ts";

const hex = (text: string): Buffer => Buffer.from(text, "hex");

// The vector of NaCl's own tests (secretbox.c, secretbox2.c).
const KEY = hex("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389");
const NONCE = hex("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37");
const MESSAGE = hex(
  "be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c61296cdc3c0123" +
    "3561f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde048977eb48f59ffd49" +
    "24ca1c60902e52f0a089bc76897040e082f937763848645e0705",
);
const BOX = hex(
  "f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186ac0dfc17c98" +
    "dce87b4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae90224368517acfeabd" +
    "6bb3732bc0e9da99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74e355a5",
);

test("NaCl's vector is sealed and opened", () => {
  assert.deepEqual(Buffer.from(sealSecretbox(MESSAGE, NONCE, KEY)), BOX);
  assert.deepEqual(Buffer.from(openSecretbox(BOX, NONCE, KEY) ?? []), MESSAGE);
});

test("the authenticator is the one of RFC 8439", () => {
  const key = hex("85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b");
  const tag = poly1305(Buffer.from("Cryptographic Forum Research Group"), key);
  assert.equal(Buffer.from(tag).toString("hex"), "a8061dc1305136c6c22b8baf0c0127a9");
});

test("the authenticator equals OpenSSL's for any key and length", () => {
  for (let length = 0; length < 100; length++) {
    const key = randomBytes(32);
    const nonce = randomBytes(12);
    const cipher = createCipheriv("chacha20-poly1305", key, nonce, { authTagLength: 16 });
    const encrypted = Buffer.concat([cipher.update(randomBytes(length)), cipher.final()]);
    // RFC 8439, 2.8: the text padded to 16 bytes, then the two lengths; the key is the first block of the stream.
    const padding = Buffer.alloc((16 - (length % 16)) % 16);
    const lengths = Buffer.alloc(16);
    lengths.writeUInt32LE(length, 8);
    const initial = Buffer.concat([Buffer.alloc(4), nonce]);
    const block = createCipheriv("chacha20", key, initial).update(Buffer.alloc(32));
    const tag = poly1305(Buffer.concat([encrypted, padding, lengths]), block);
    assert.deepEqual(Buffer.from(tag), cipher.getAuthTag(), `length ${length}`);
  }
});

test("any changed bit, another key and another nonce open nothing", () => {
  for (let bit = 0; bit < BOX.length * 8; bit += 5) {
    const box = Buffer.from(BOX);
    box[bit >> 3] = (box[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.equal(openSecretbox(box, NONCE, KEY), undefined, `bit ${bit}`);
  }
  for (let bit = 0; bit < 256; bit += 11) {
    const other = Buffer.from(KEY);
    other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.equal(openSecretbox(BOX, NONCE, other), undefined, `bit ${bit} of the key`);
  }
  assert.equal(openSecretbox(BOX, randomBytes(24), KEY), undefined);
});

test("what is shorter than an authenticator opens nothing; an empty message can be sealed", () => {
  for (const length of [0, 1, 15])
    assert.equal(openSecretbox(BOX.subarray(0, length), NONCE, KEY), undefined);
  const empty = sealSecretbox(new Uint8Array(0), NONCE, KEY);
  assert.equal(empty.length, 16);
  assert.equal(openSecretbox(empty, NONCE, KEY)?.length, 0);
});

test("messages around the ends of blocks come back", () => {
  for (const length of [1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 1000]) {
    const message = randomBytes(length);
    const key = randomBytes(32);
    const nonce = randomBytes(24);
    const opened = openSecretbox(sealSecretbox(message, nonce, key), nonce, key);
    assert.deepEqual(Buffer.from(opened ?? []), message, `length ${length}`);
  }
});

test("keys and nonces of another length are mistakes of the caller", () => {
  assert.throws(() => xsalsa20Stream(KEY.subarray(1), NONCE, 1), RangeError);
  assert.throws(() => xsalsa20Stream(KEY, NONCE.subarray(1), 1), RangeError);
});
