/** A valid OpenPGP signature with its keyring, and then a change of a bit of each octet, which must be refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PACKET, readPacket } from "../../src/policy/openpgp/packets.ts";
import { createGpgKey } from "../../src/testing/gpg-keys.ts";
import { decideSimple, digest, NAME, payload, type SimpleDecision } from "../unit/policy/signed-by.ts";

const keys = {
  ed25519: await createGpgKey(),
  rsa: await createGpgKey({ algorithm: "rsa" }),
  subkey: await createGpgKey({ state: "subkey" }),
};

/** Which octets may have a changed bit without a difference: one bit of each is tried. */
async function harmless(
  bytes: Uint8Array,
  decisionOf: (changed: Buffer) => SimpleDecision,
): Promise<Set<number>> {
  const places = new Set<number>();
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
    const evaluation = await decideSimple(decisionOf(changed));
    if (evaluation.kind !== "allowed") continue;
    places.add(at);
    // Whatever was changed, it was not what is signed.
    const accepted = evaluation.requirements[0]?.signatures.at(-1);
    assert.ok(accepted?.kind === "accepted");
    assert.equal(accepted.dockerReference, NAME);
  }
  return places;
}

/**
 * What is part of no signature and changes nothing: the time of a data packet, and in numbers how many bits of
 * their first octet are said to be used.
 */
function unsignedPlaces(bytes: Uint8Array): Set<number> {
  const places = new Set<number>();
  for (let at = 0; at < bytes.length; ) {
    const packet = readPacket(bytes, at);
    assert.ok(packet);
    const body = packet.next - packet.body.length;
    if (packet.tag === PACKET.literal) for (let octet = 2; octet < 6; octet++) places.add(body + octet);
    for (const start of numbersOf(packet.tag, packet.body)) places.add(body + start + 1);
    at = packet.next;
  }
  return places;
}

/** Where numbers begin with how many bits they have: wherever a claim of that kind would be right. */
function numbersOf(tag: number, body: Uint8Array): number[] {
  if (tag === PACKET.literal || tag === PACKET.onePassSignature || tag === PACKET.userId) return [];
  const starts: number[] = [];
  for (let at = 0; at + 2 < body.length; at++) {
    const bits = (body[at] ?? 0) * 256 + (body[at + 1] ?? 0);
    const first = body[at + 2] ?? 0;
    const isRight =
      bits > 200 &&
      at + 2 + Math.ceil(bits / 8) <= body.length &&
      32 - Math.clz32(first) === ((bits - 1) % 8) + 1;
    if (isRight) starts.push(at);
  }
  return starts;
}

function assertWithin(places: Set<number>, bytes: Uint8Array): void {
  const named = unsignedPlaces(bytes);
  assert.deepEqual(
    [...places].filter((at) => !named.has(at)),
    [],
  );
}

test("a changed bit of any octet of a message", async () => {
  const messages = [
    [keys.ed25519, {}],
    [keys.ed25519, { order: "signature-first" }],
    [keys.rsa, {}],
    [keys.rsa, { version: 3 }],
    [keys.subkey, {}],
  ] as const;
  for (const [key, options] of messages) {
    const message = await key.sign(payload, { compression: "none", ...options });
    assertWithin(
      await harmless(message, (changed) => ({ keys: [key.publicKey], signatures: [changed] })),
      message,
    );
  }
});

test("a changed bit of any octet of a compressed message leaves what is signed as it was, or is refused", async () => {
  const { publicKey, sign } = keys.ed25519;
  for (const compression of ["zip", "zlib"] as const) {
    const message = await sign(payload, { compression });
    const places = await harmless(message, (changed) => ({ keys: [publicKey], signatures: [changed] }));
    assert.ok(places.size <= 12, `${places.size} places`);
  }
});

test("a changed bit of any octet of the payload", async () => {
  const { publicKey, sign } = keys.ed25519;
  const message = Buffer.from(await sign(payload, { compression: "none" }));
  const from = message.indexOf(payload);
  assert.ok(from > 0);
  const places = await harmless(message, (changed) => ({ keys: [publicKey], signatures: [changed] }));
  for (const at of places) assert.ok(at < from || at >= from + payload.length, `${at}`);
});

test("a changed bit of any octet of a keyring", async () => {
  for (const key of [keys.ed25519, keys.subkey]) {
    const message = await key.sign(payload);
    assertWithin(
      await harmless(key.publicKey, (changed) => ({ keys: [changed], signatures: [message] })),
      key.publicKey,
    );
  }
});

test("any octet missing or added", async () => {
  const { publicKey, sign } = keys.ed25519;
  const message = await sign(payload, { compression: "none" });
  for (let at = 0; at < message.length; at++) {
    for (const between of [Buffer.alloc(0), Buffer.from([0]), Buffer.from([0xff, message[at] ?? 0])]) {
      const skip = between.length === 0 ? 1 : 0;
      const changed = Buffer.concat([message.subarray(0, at), between, message.subarray(at + skip)]);
      const evaluation = await decideSimple({ keys: [publicKey], signatures: [changed] });
      assert.equal(evaluation.kind, "rejected", `${at}`);
    }
    const evaluation = await decideSimple({ keys: [publicKey], signatures: [message.subarray(0, at)] });
    assert.equal(evaluation.kind, "rejected", `${at}`);
  }
});

test("each field of the payload decides, whoever signs it", async () => {
  const { publicKey, sign } = keys.ed25519;
  const critical = {
    identity: { "docker-reference": NAME },
    image: { "docker-manifest-digest": digest },
    type: "atomic container signature",
  };
  const decide = async (value: unknown) =>
    (await decideSimple({ keys: [publicKey], signatures: [await sign(JSON.stringify(value))] })).kind;
  assert.equal(await decide({ critical, optional: {} }), "allowed");
  for (const change of [
    { critical: { ...critical, type: "cosign container image signature" }, optional: {} },
    { critical: { ...critical, Type: "atomic container signature" }, optional: {} },
    { critical: { ...critical, identity: { "docker-reference": "quay.example/team/app" } }, optional: {} },
    { critical: { ...critical, identity: { "docker-reference": `${NAME}\0` } }, optional: {} },
    { critical: { ...critical, identity: {} }, optional: {} },
    {
      critical: { ...critical, image: { "docker-manifest-digest": digest.replace(/.$/, "") } },
      optional: {},
    },
    { critical: { ...critical, image: { "docker-manifest-digest": "sha512:00" } }, optional: {} },
    { critical: { ...critical, extra: 1 }, optional: {} },
    { critical, optional: null },
    { critical },
    { optional: {} },
    { critical, optional: {}, extra: 1 },
    { critical, optional: { timestamp: 1.5 } },
    { critical, optional: { creator: 1 } },
  ]) {
    assert.equal(await decide(change), "rejected", JSON.stringify(change));
  }
});

test("each member of the requirement decides", async () => {
  const { publicKey, sign } = keys.ed25519;
  const signatures = [await sign(payload)];
  const kindOf = async (change: Partial<SimpleDecision>) =>
    (await decideSimple({ keys: [publicKey], signatures, ...change })).kind;
  assert.equal(await kindOf({}), "allowed");
  assert.equal(await kindOf({ keys: [keys.rsa.publicKey] }), "rejected");
  assert.equal(await kindOf({ keys: [] }), "rejected");
  assert.equal(await kindOf({ signatures: [] }), "rejected");
  for (const signedIdentity of [
    { type: "exactReference", dockerReference: "quay.example/team/app:2" },
    { type: "exactRepository", dockerRepository: "quay.example/team/ap" },
    { type: "remapIdentity", prefix: "quay.example", signedPrefix: "mirror.example" },
  ]) {
    assert.equal(await kindOf({ signedIdentity }), "rejected", signedIdentity.type);
  }
  for (const signedIdentity of [{ type: "matchExact" }, { type: "matchRepoDigestOrExact" }]) {
    assert.equal(await kindOf({ signedIdentity, reference: "quay.example/team/app:2" }), "rejected");
  }
  assert.equal(
    await kindOf({ signedIdentity: { type: "matchRepository" }, reference: "quay.example/team/app2:1" }),
    "rejected",
  );
});
