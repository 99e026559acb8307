/** Whatever bytes come as a message or as a keyring: a reason to reject, with its code, or the signed data. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateRawSync } from "node:zlib";
import fc from "fast-check";
import { PolicyError } from "../../src/policy/errors.ts";
import { openKeyring } from "../../src/policy/openpgp/keyring.ts";
import { PACKET, readPacket, writePacket } from "../../src/policy/openpgp/packets.ts";
import { verifySignedMessage } from "../../src/policy/openpgp/verify.ts";
import { createTrustMemory } from "../../src/policy/trust-memory.ts";
import { createGpgKey } from "../../src/testing/gpg-keys.ts";
import { property } from "./runs.ts";

const CONTENT = Buffer.from("what is signed");
const [key, rsa] = await Promise.all([createGpgKey(), createGpgKey({ algorithm: "rsa" })]);
const now = Date.now() / 1000;
const ring = await openKeyring([key.publicKey, rsa.publicKey], createTrustMemory());
const messages = await Promise.all([
  key.sign(CONTENT, { compression: "none" }),
  key.sign(CONTENT, { order: "signature-first", compression: "none" }),
  rsa.sign(CONTENT, { version: 3, compression: "none" }),
  key.sign(CONTENT),
]);

/** What comes out: nothing but the data that a key signed, or an error that says why not. */
async function read(message: Uint8Array): Promise<void> {
  try {
    const { content } = await verifySignedMessage(message, ring, { now });
    assert.deepEqual(Buffer.from(content), CONTENT);
  } catch (error) {
    assert.ok(error instanceof PolicyError, String(error));
    assert.equal(error.code, "ERR_POLICY_INVALID_SIGNATURE");
  }
}

const changes = fc.array(
  fc.record({
    at: fc.nat(),
    remove: fc.integer({ min: 0, max: 4 }),
    insert: fc.uint8Array({ maxLength: 4 }),
  }),
  { minLength: 1, maxLength: 4 },
);

function changed(
  bytes: Uint8Array,
  edits: readonly { at: number; remove: number; insert: Uint8Array }[],
): Buffer {
  let result = Buffer.from(bytes);
  for (const { at, remove, insert } of edits) {
    const from = at % (result.length + 1);
    result = Buffer.concat([result.subarray(0, from), insert, result.subarray(from + remove)]);
  }
  return result;
}

test("changed messages", async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...messages), changes, (message, edits) =>
      read(changed(message, edits)),
    ),
    property,
  );
});

test("changed messages, compressed after the change", async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...messages), changes, (message, edits) => {
      const body = Buffer.concat([Buffer.from([1]), deflateRawSync(changed(message, edits))]);
      return read(writePacket(PACKET.compressed, body));
    }),
    property,
  );
});

test("packets of any kind in any order", async () => {
  const packet = fc
    .tuple(fc.constantFrom(...Object.values(PACKET), 0, 60, 63), fc.uint8Array({ maxLength: 40 }))
    .map(([tag, body]) => writePacket(tag, body));
  const known = messages.flatMap((message) => {
    const first = readPacket(message, 0);
    return first ? [message.subarray(0, first.next), message.subarray(first.next)] : [];
  });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(packet, fc.constantFrom(...known)), { maxLength: 6 }), (packets) =>
      read(Buffer.concat(packets)),
    ),
    property,
  );
});

test("any bytes", async () => {
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), read), property);
});

test("changed keyrings hold the keys that they say, or none", async () => {
  const rings = [
    key.publicKey,
    Buffer.from(key.armoredPublicKey),
    Buffer.concat([rsa.publicKey, key.publicKey]),
  ];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...rings), changes, async (bytes, edits) => {
      try {
        const opened = await openKeyring([changed(bytes, edits)], createTrustMemory());
        for (const fingerprint of opened.keys()) {
          assert.ok([key.fingerprint, rsa.fingerprint].includes(fingerprint), fingerprint);
        }
      } catch (error) {
        assert.ok(error instanceof PolicyError, String(error));
        assert.equal(error.code, "ERR_POLICY_REQUIREMENT");
      }
    }),
    property,
  );
});
