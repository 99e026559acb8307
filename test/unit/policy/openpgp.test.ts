import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateRawSync } from "node:zlib";
import { keyringPackets } from "../../../src/policy/openpgp/armor.ts";
import { MAX_KEYRING_BYTES, openKeyring } from "../../../src/policy/openpgp/keyring.ts";
import { loadOpenPgp } from "../../../src/policy/openpgp/library.ts";
import { MAX_MESSAGE_BYTES, readSignedMessage } from "../../../src/policy/openpgp/message.ts";
import { PACKET, readPacket, writePacket } from "../../../src/policy/openpgp/packets.ts";
import { createTrustMemory } from "../../../src/policy/trust-memory.ts";
import { createGpgKey, createGpgRing, type GpgKeyState } from "../../../src/testing/gpg-keys.ts";
import { decideSimple, manifest, NAME, outcomeOf, payload } from "./signed-by.ts";

const DAY = 24 * 3600_000;
const [key, other, rsa] = await Promise.all([
  createGpgKey(),
  createGpgKey(),
  createGpgKey({ algorithm: "rsa" }),
]);
const good = await key.sign(payload);

/** The bits of the summary and the error code that GnuPG's library gives. */
const found = (text: string) => /Summary:(\d+), Fingerprint:"(\w*)", Status:[^{]*\{err:(0x\w+)\}/.exec(text);

test("keys of each state vouch for signatures, or do not, with the text that a node shows", async () => {
  const states: [GpgKeyState, summary: string, status: string][] = [
    ["expired", "32", "0x7000099"],
    ["revoked", "16", "0x700005e"],
    ["expired-subkey", "32", "0x7000099"],
    ["revoked-subkey", "16", "0x700005e"],
    ["unbound-subkey", "2048", "0x1"],
    ["certify-only", "2048", "0x7d"],
  ];
  for (const state of ["valid", "subkey"] as const) {
    const made = await createGpgKey({ state });
    assert.equal(
      await outcomeOf({ keys: [made.publicKey], signatures: [await made.sign(payload)] }),
      "allowed",
    );
  }
  for (const [state, summary, status] of states) {
    const made = await createGpgKey({ state });
    const outcome = await outcomeOf({ keys: [made.publicKey], signatures: [await made.sign(payload)] });
    assert.match(outcome, /^invalid-signature: Invalid GPG signature: gpgme\.Signature\{/, state);
    assert.deepEqual(found(outcome)?.slice(1), [summary, made.signerFingerprint, status], state);
  }
  const uncertified = await createGpgKey({ state: "uncertified" });
  assert.equal(
    await outcomeOf({ keys: [uncertified.publicKey], signatures: [await uncertified.sign(payload)] }),
    "policy-requirement: No public keys imported",
  );
});

test("what is expired now was not then: the present is part of the evidence", async () => {
  const now = Date.UTC(2030, 0, 1);
  const expired = await createGpgKey({ state: "expired", now });
  const signatures = [await expired.sign(payload)];
  assert.match(await outcomeOf({ keys: [expired.publicKey], signatures, now }), /0x7000099/);
  const before = await decideSimple({ keys: [expired.publicKey], signatures, now: now - 2 * DAY });
  assert.ok(before.kind === "allowed");
  assert.equal(before.validUntil, (now - DAY) / 1000, "no longer than the key");
  const last = { keys: [expired.publicKey], signatures };
  assert.equal(await outcomeOf({ ...last, now: now - DAY - 1000 }), "allowed");
  assert.match(await outcomeOf({ ...last, now: now - DAY }), /0x7000099/);
});

test("a signature ends when it says so", async () => {
  const signature = await key.sign(payload, { at: Date.now() - 10_000, lifetime: 3600 });
  const decision = { keys: [key.publicKey], signatures: [signature] };
  const evaluation = await decideSimple(decision);
  assert.ok(evaluation.kind === "allowed");
  const end = Math.floor((Date.now() - 10_000) / 1000) + 3600;
  assert.ok(Math.abs((evaluation.validUntil ?? 0) - end) <= 1);
  assert.match(await outcomeOf({ ...decision, now: Date.now() + 3600_000 }), /Summary:64,.*0x700009a/);
});

test("a signature from before its key is none, and one from the future is as good as others", async () => {
  const early = await key.sign(payload, { at: Date.now() - 60 * DAY });
  assert.match(await outcomeOf({ keys: [key.publicKey], signatures: [early] }), /err:0x27/);
  const late = await key.sign(payload, { at: Date.now() + DAY });
  assert.equal(await outcomeOf({ keys: [key.publicKey], signatures: [late] }), "allowed");
});

test("every kind of key, hash, version and message that a node accepts", async () => {
  const p256 = await createGpgKey({ algorithm: "p256" });
  const messages: [typeof key, Parameters<typeof key.sign>[1]][] = [
    [p256, {}],
    [rsa, {}],
    [rsa, { version: 3 }],
    [rsa, { version: 3, hashAlgorithm: 8, compression: "zlib" }],
    [rsa, { version: 3, hashAlgorithm: 11, order: "signature-first" }],
    [rsa, { hashAlgorithm: 9 }],
    [key, { compression: "none" }],
    [key, { order: "signature-first" }],
  ];
  for (const [signer, options] of messages) {
    const signature = await signer.sign(payload, options);
    assert.equal(
      await outcomeOf({ keys: [signer.publicKey], signatures: [signature] }),
      "allowed",
      JSON.stringify(options),
    );
  }
});

test("hashes that prove nothing and keys that are too short are refused", async () => {
  for (const hashAlgorithm of [1, 2]) {
    for (const version of [3, 4] as const) {
      const signature = await rsa.sign(payload, { hashAlgorithm, version });
      assert.match(
        await outcomeOf({ keys: [rsa.publicKey], signatures: [signature] }),
        new RegExp(`err:0x5\\}.*HashAlgo:${hashAlgorithm}\\}$`),
      );
    }
  }
  const short = await createGpgKey({ algorithm: "rsa", rsaBits: 1024 });
  for (const version of [3, 4] as const) {
    const signature = await short.sign(payload, { version });
    assert.match(await outcomeOf({ keys: [short.publicKey], signatures: [signature] }), /err:0x4\}/);
  }
});

test("other keys than those of the ring sign nothing", async () => {
  for (const [signer, options] of [
    [other, {}],
    [rsa, { version: 3 }],
  ] as const) {
    const outcome = await outcomeOf({
      keys: [key.publicKey],
      signatures: [await signer.sign(payload, options)],
    });
    assert.equal(found(outcome)?.[3], "0x9");
    const shown = signer === rsa ? rsa.fingerprint.slice(-16) : other.fingerprint;
    assert.equal(found(outcome)?.[2], shown, "version 3 names the key ID only");
  }
});

test("one of several keys, in one ring or in several, binary or armored", async () => {
  const { publicKey, armoredPublicKey } = key;
  const rings: (Uint8Array | string)[][] = [
    [createGpgRing([other, rsa, key])],
    [other.publicKey, publicKey],
    [publicKey, other.publicKey],
    [armoredPublicKey],
    [`text before\r\n${other.armoredPublicKey.replaceAll("\n", "\r\n")}\r\n${armoredPublicKey} text after`],
    [publicKey, publicKey],
    [publicKey, "garbage"],
    ["", publicKey],
    [Buffer.concat([publicKey, other.publicKey, Buffer.from("garbage")])],
  ];
  for (const [index, keys] of rings.entries()) {
    assert.equal(await outcomeOf({ keys, signatures: [good] }), "allowed", `${index}`);
  }
});

test("rings without a key import none", async () => {
  const { publicKey, armoredPublicKey, armoredPrivateKey } = key;
  const broken = armoredPublicKey.replace(/^=....$/m, "=AAAA");
  assert.notEqual(broken, armoredPublicKey);
  const flipped = Buffer.from(publicKey);
  flipped[10] = (flipped[10] ?? 0) ^ 1;
  const rings: (Uint8Array | string)[] = [
    "",
    "garbage",
    Buffer.from([0x99]),
    Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
    publicKey.subarray(0, -1),
    Buffer.concat([publicKey, Buffer.from("garbage")]),
    Buffer.concat([Buffer.from("garbage"), publicKey]),
    flipped,
    broken,
    armoredPublicKey.replace("-----END", "-----BEGIN"),
    armoredPublicKey.split("\n").slice(0, -3).join("\n"),
    armoredPrivateKey,
    good,
  ];
  for (const [index, ring] of rings.entries()) {
    assert.equal(
      await outcomeOf({ keys: [ring], signatures: [good] }),
      "policy-requirement: No public keys imported",
      `${index}`,
    );
  }
});

test("a missing file fails although another would do", async () => {
  const evaluation = await outcomeOf({ keys: [key.publicKey, undefined as never], signatures: [good] });
  assert.equal(evaluation, "other: no such file: /1.gpg");
});

test("a revocation in one file counts for the key in another", async () => {
  const revoked = await createGpgKey({ state: "revoked" });
  const library = await loadOpenPgp();
  const before = await library.readPrivateKey({ armoredKey: revoked.armoredPrivateKey });
  const signatures = [await revoked.sign(payload)];
  const unrevoked = before.toPublic().write();
  assert.equal(await outcomeOf({ keys: [unrevoked], signatures }), "allowed");
  for (const keys of [
    [unrevoked, revoked.publicKey],
    [revoked.publicKey, unrevoked],
  ]) {
    assert.match(await outcomeOf({ keys, signatures }), /0x700005e/);
  }
});

test("a revocation of a subkey in one file counts for it in another", async () => {
  const revoked = await createGpgKey({ state: "revoked-subkey" });
  const library = await loadOpenPgp();
  const before = await library.readPrivateKey({ armoredKey: revoked.armoredPrivateKey });
  const signatures = [await revoked.sign(payload)];
  const unrevoked = before.toPublic().write();
  assert.equal(await outcomeOf({ keys: [unrevoked], signatures }), "allowed");
  for (const keys of [
    [unrevoked, revoked.publicKey],
    [revoked.publicKey, unrevoked],
    [Buffer.concat([unrevoked, revoked.publicKey])],
    [unrevoked, unrevoked, revoked.armoredPublicKey],
  ]) {
    assert.match(await outcomeOf({ keys, signatures }), /0x700005e/);
  }
});

test("a revocation by someone else, whom the key may have named for it, is heeded", async () => {
  const library = await loadOpenPgp();
  const stranger = await createGpgKey({ state: "revoked" });
  const { revocationSignatures } = await library.readKey({ binaryKey: stranger.publicKey });
  const [revocation] = revocationSignatures;
  assert.ok(revocation);
  const ring = Buffer.concat([key.publicKey, writePacket(PACKET.signature, revocation.write())]);
  assert.match(await outcomeOf({ keys: [ring], signatures: [good] }), /0x700005e/);
});

test("a revocation of another key by this one revokes nothing, and a broken one neither", async () => {
  const library = await loadOpenPgp();
  const revoked = await createGpgKey({ state: "revoked" });
  const before = await library.readPrivateKey({ armoredKey: revoked.armoredPrivateKey });
  const { revocationSignatures } = await library.readKey({ binaryKey: revoked.publicKey });
  const body = Buffer.from(revocationSignatures[0]?.write() ?? assert.fail());
  body[body.length - 1] = (body[body.length - 1] ?? 0) ^ 1;
  const ring = Buffer.concat([before.toPublic().write(), writePacket(PACKET.signature, body)]);
  assert.equal(await outcomeOf({ keys: [ring], signatures: [await revoked.sign(payload)] }), "allowed");
});

test("a revocation that cannot be read is heeded, whatever version it is of", async () => {
  const fingerprint = Buffer.from(key.fingerprint.slice(-16), "hex");
  const revocations = [
    // Version 3: length, type, time, key ID, algorithms, hash, a number.
    Buffer.concat([Buffer.from([3, 5, 0x20, 0, 0, 0, 1]), fingerprint, Buffer.from([1, 8, 0, 0, 0, 1, 1])]),
    Buffer.from([9, 0x20, 22, 8]),
    Buffer.from([5, 0x28, 22, 8]),
  ];
  for (const revocation of revocations) {
    const ring = Buffer.concat([key.publicKey, writePacket(PACKET.signature, revocation)]);
    assert.match(await outcomeOf({ keys: [ring], signatures: [good] }), /0x700005e/);
  }
  // Another signature that cannot be read is none.
  const ring = Buffer.concat([key.publicKey, writePacket(PACKET.signature, Buffer.from([9, 0x13, 22, 8]))]);
  assert.equal(await outcomeOf({ keys: [ring], signatures: [good] }), "allowed");
});

test("whatever is not data with exactly one signature is refused", async () => {
  const plain = await key.sign(payload, { compression: "none" });
  const literal = writePacket(PACKET.literal, Buffer.concat([Buffer.from("b\0\0\0\0\0"), payload]));
  const signature = await key.sign(payload, { compression: "none", order: "detached" });
  const compressed = (algorithm: number, data: Uint8Array) =>
    writePacket(PACKET.compressed, Buffer.concat([Buffer.from([algorithm]), data]));
  let nested = plain;
  for (let depth = 0; depth < 6; depth++) nested = compressed(0, nested);
  const library = await loadOpenPgp();
  const cleartext = await library.sign({
    message: await library.createCleartextMessage({ text: Buffer.from(payload).toString() }),
    signingKeys: await library.readPrivateKey({ armoredKey: key.armoredPrivateKey }),
  });
  const armored = library.armor(library.enums.armor.message, plain) as string;
  const refused: [Uint8Array | string, RegExp][] = [
    ["", /^other: No data$/],
    ["garbage", /^other: No data$/],
    [plain.subarray(0, -1), /^other: No data$/],
    [literal, /^invalid-signature: Unexpected GPG signature count 0$/],
    [writePacket(PACKET.integrityProtected, Buffer.from([1])), /Unexpected GPG signature count 0$/],
    [Buffer.concat([plain, plain]), /Unexpected GPG signature count 2$/],
    [Buffer.concat([signature, signature, literal]), /Unexpected GPG signature count 2$/],
    [signature, /^invalid-signature: Invalid GPG signature: it is detached/],
    [Buffer.concat([literal, signature]), /packets out of order$/],
    [Buffer.concat([signature, literal, literal]), /packets out of order$/],
    [Buffer.concat([good, Buffer.from("x")]), /^other: No data$|beside compressed data$/],
    [Buffer.concat([good, good]), /beside compressed data$/],
    [Buffer.concat([literal, compressed(0, signature)]), /beside compressed data$/],
    [compressed(3, plain), /compression algorithm 3 is not supported$/],
    [compressed(1, Buffer.from("no deflate")), /broken compressed data$/],
    [nested, /compressed too often$/],
    [cleartext, /^other: No data$/],
    [armored, /^other: No data$/],
  ];
  for (const [message, reason] of refused) {
    assert.match(await outcomeOf({ keys: [key.publicKey], signatures: [Buffer.from(message)] }), reason);
  }
});

test("CVE-2020-1702: messages are bounded by what they really hold", () => {
  const zeros = Buffer.alloc(64 * 1024 * 1024);
  const bomb = writePacket(PACKET.compressed, Buffer.concat([Buffer.from([1]), deflateRawSync(zeros)]));
  assert.ok(bomb.length < 100_000);
  const started = process.memoryUsage().arrayBuffers;
  assert.throws(() => readSignedMessage(bomb), {
    code: "ERR_POLICY_INVALID_SIGNATURE",
    message: /more than 4194304 bytes/,
  });
  assert.ok(process.memoryUsage().arrayBuffers - started < 4 * MAX_MESSAGE_BYTES);
  assert.throws(() => readSignedMessage(zeros.subarray(0, MAX_MESSAGE_BYTES + 1)), /more than 4194304 bytes/);
  const markers = Buffer.concat(Array<Uint8Array>(100).fill(writePacket(60, Buffer.alloc(0))));
  assert.throws(() => readSignedMessage(markers), /more than 64 packets/);
});

test("keyrings are bounded", async () => {
  const memory = createTrustMemory();
  await assert.rejects(openKeyring([Buffer.alloc(MAX_KEYRING_BYTES + 1)], memory), {
    code: "ERR_POLICY_TRUST_ROOT",
  });
  const many = Buffer.concat(Array<Uint8Array>(2001).fill(writePacket(PACKET.publicKey, Buffer.from([4]))));
  await assert.rejects(openKeyring([many], memory), { code: "ERR_POLICY_TRUST_ROOT" });
});

test("lengths of every form are read, and never believed", () => {
  const body = (length: number) => Buffer.alloc(length, 7);
  const forms: [Uint8Array, number][] = [
    [Buffer.concat([Buffer.from([0x88, 3]), body(3)]), 3],
    [Buffer.concat([Buffer.from([0x89, 1, 0]), body(256)]), 256],
    [Buffer.concat([Buffer.from([0x8a, 0, 0, 0, 2]), body(2)]), 2],
    [Buffer.concat([Buffer.from([0xc2, 191]), body(191)]), 191],
    [Buffer.concat([Buffer.from([0xc2, 192, 0]), body(192)]), 192],
    [Buffer.concat([Buffer.from([0xc2, 255, 0, 0, 0, 5]), body(5)]), 5],
    [Buffer.concat([Buffer.from([0xa3]), body(9)]), 9],
    [Buffer.concat([Buffer.from([0xcb, 225]), body(2), Buffer.from([3]), body(3)]), 5],
  ];
  for (const [bytes, length] of forms) {
    const packet = readPacket(bytes, 0);
    assert.deepEqual([packet?.body.length, packet?.next], [length, bytes.length]);
    assert.ok(packet?.body.every((octet) => octet === 7));
    if (bytes[0] !== 0xa3) assert.equal(readPacket(bytes.subarray(0, -1), 0), undefined);
  }
  for (const hex of [
    "",
    "00",
    "7f",
    "c2",
    "c2c0",
    "c2ff000000",
    "c2ffffffffff",
    "8affffffff",
    "8b00",
    "c2e1",
  ]) {
    assert.equal(readPacket(Buffer.from(hex, "hex"), 0), undefined, hex);
  }
});

test("armor without checksum or headers, with white space, and what is none", () => {
  const text = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n%s-----END PGP PUBLIC KEY BLOCK-----\n";
  const read = (body: string) => keyringPackets(Buffer.from(text.replace("%s", body))).map(String);
  assert.deepEqual(read("\naGVsbG8=\n"), ["hello"]);
  assert.deepEqual(read("aGVsbG8=\n"), ["hello"]);
  assert.deepEqual(read("Version: x\nComment: y\n\naGVs \nbG8=\n"), ["hello"]);
  for (const body of [
    "",
    "\n",
    "\naGVsbG8\n",
    "\na%sGVsbG8=\n",
    "\naGVsbG8=\n=AAAA\n",
    "Version\n\naGVsbG8=\n",
  ]) {
    assert.deepEqual(read(body), [], JSON.stringify(body));
  }
});

test("identity and digest count after the signature, under the rules for all signatures", async () => {
  const keys = [key.publicKey];
  const decision = { keys, signatures: [good] };
  const at = (reference: string) => outcomeOf({ ...decision, reference });
  assert.equal(
    await at("quay.example/team/app:2"),
    `policy-requirement: Signature for identity "${NAME}" is not accepted`,
  );
  const repository = { type: "matchRepository" };
  assert.equal(
    await outcomeOf({ ...decision, reference: "quay.example/team/app:2", signedIdentity: repository }),
    "allowed",
  );
  const spaced = Buffer.concat([manifest, Buffer.from("\n")]);
  assert.match(await outcomeOf({ ...decision, manifest: spaced }), /does not match$/);
  for (const text of [
    "This is no JSON\n",
    "{}",
    Buffer.from(payload).toString().replace("atomic", "cosign"),
  ]) {
    const evaluation = await decideSimple({ keys, signatures: [await key.sign(text)] });
    assert.ok(evaluation.kind === "rejected");
    assert.equal(evaluation.errorClass, "invalid-signature");
    const [requirement] = evaluation.requirements;
    assert.ok(requirement?.kind === "failed" && requirement.signatures[0]?.kind === "rejected");
    assert.equal(requirement.signatures[0].step, "payload");
  }
});

test("the first good one of several signatures suffices", async () => {
  const bad = await other.sign(payload);
  assert.equal(await outcomeOf({ keys: [key.publicKey], signatures: [bad, good, bad] }), "allowed");
  const outcome = await outcomeOf({ keys: [key.publicKey], signatures: [bad, bad] });
  assert.match(outcome, /^policy-requirement: None of the signatures were accepted, reasons: Invalid GPG/);
});
