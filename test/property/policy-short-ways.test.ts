/** What is read in a shorter way when it is written as usual, against the long way: the same, whatever the input. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { digestOf } from "../../src/core/digest.ts";
import { decodeBase64 } from "../../src/policy/base64.ts";
import { createChainReader } from "../../src/policy/chain-reader.ts";
import { derInteger, derOid, derReader, onlyElement, TAG } from "../../src/policy/der.ts";
import { PolicyError } from "../../src/policy/errors.ts";
import { chainIntermediates } from "../../src/policy/leaf.ts";
import { manifestDigest } from "../../src/policy/manifest-digest.ts";
import { parsePayload } from "../../src/policy/payload.ts";
import { parsePublicKeyPem, publicKeyOf } from "../../src/policy/public-key.ts";
import { payloadSignatureProblem } from "../../src/policy/signature.ts";
import { createAuthorities } from "../../src/testing/authorities.ts";
import { mintKey, publicKeyPem, toPem } from "../../src/testing/certificates.ts";
import { signImage } from "../../src/testing/signatures.ts";
import { mutated } from "../unit/policy/mutated.ts";
import { property } from "./runs.ts";

const digest = digestOf("image");
const key = mintKey();
const signature = signImage({ reference: "quay.example/team/app:1", digest, signer: key });

function outcome(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    assert.ok(error instanceof PolicyError, String(error));
    return error.message.replace(/ at line .*$/, "");
  }
}

test("a payload says the same with white space behind it, which takes the long way", () => {
  const payload = Buffer.from(signature.payload);
  assert.deepEqual(parsePayload(payload, "sigstore"), {
    dockerManifestDigest: digest,
    dockerReference: "quay.example/team/app:1",
  });
  fc.assert(
    fc.property(fc.oneof(fc.constant(payload), mutated(payload)), (bytes) => {
      const long = Buffer.concat([bytes, Buffer.from(" ")]);
      assert.deepEqual(
        outcome(() => parsePayload(bytes, "sigstore")),
        outcome(() => parsePayload(long, "sigstore")),
      );
    }),
    property,
  );
});

test("base64 gives the same with a line break in front, which takes the long way", () => {
  const alphabet = "AQgw/+0=\n\r -_é";
  const texts = fc.oneof(
    fc.uint8Array().map((bytes) => Buffer.from(bytes).toString("base64")),
    fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 12 }),
    fc.string({ unit: "binary" }),
  );
  fc.assert(
    fc.property(texts, (text) => {
      const [short, long] = [decodeBase64(text), decodeBase64(`\n${text}`)];
      assert.deepEqual(short && Buffer.from(short), long && Buffer.from(long));
    }),
    property,
  );
});

test("an ECDSA signature is DER to one reader and to the other", () => {
  const der = Buffer.from(signature.annotations["dev.cosignproject.cosign/signature"] ?? "", "base64");
  const publicKey = parsePublicKeyPem(publicKeyPem(key));
  const isDer = (bytes: Buffer): boolean => {
    try {
      const reader = derReader(onlyElement(bytes, TAG.SEQUENCE, "x").content, "x");
      for (const element of [reader.next(TAG.INTEGER), reader.next(TAG.INTEGER)]) derInteger(element, "x");
      reader.end();
      return true;
    } catch {
      return false;
    }
  };
  const integers = fc.tuple(fc.uint8Array({ maxLength: 70 }), fc.uint8Array({ maxLength: 70 }));
  const made = integers.map(([r, s]) => {
    const content = [r, s].flatMap((octets) => [2, octets.length, ...octets]);
    return Buffer.from([0x30, content.length, ...content]);
  });
  fc.assert(
    fc.property(fc.oneof(mutated(der), made), (bytes) => {
      const problem = payloadSignatureProblem(publicKey, signature.payload, bytes);
      if (problem === undefined) assert.ok(bytes.equals(der));
      else
        assert.equal(problem === "invalid signature when validating ASN.1 encoded signature", isDer(bytes));
    }),
    property,
  );
});

test("object identifiers of any length", () => {
  const arcs = fc.tuple(
    fc.nat(2),
    fc.nat(39),
    fc.array(fc.oneof(fc.nat(300), fc.bigInt({ min: 0n, max: 2n ** 127n })), { maxLength: 8 }),
  );
  fc.assert(
    fc.property(arcs, ([first, second, rest]) => {
      const groups = [BigInt(first * 40 + second), ...rest.map(BigInt)].map(base128);
      const content = Buffer.from(groups.flat());
      assert.equal(derOid({ tag: TAG.OID, content, raw: content }, "x"), [first, second, ...rest].join("."));
      const open = Buffer.concat([content, Buffer.from([0x81])]);
      assert.throws(() => derOid({ tag: TAG.OID, content: open, raw: open }, "x"), PolicyError);
      const padded = Buffer.concat([content, Buffer.from([0x80, 0x01])]);
      assert.throws(() => derOid({ tag: TAG.OID, content: padded, raw: padded }, "x"), PolicyError);
    }),
    property,
  );
  const none = Buffer.alloc(0);
  assert.throws(() => derOid({ tag: TAG.OID, content: none, raw: none }, "x"), PolicyError);
});

function base128(value: bigint): number[] {
  const octets = [Number(value & 0x7fn)];
  for (let rest = value >> 7n; rest > 0n; rest >>= 7n) octets.unshift(Number(rest & 0x7fn) | 0x80);
  return octets;
}

test("a key that is read quickly is on P-256, and no other is", () => {
  const spki = (curve: string) =>
    generateKeyPairSync("ec", { namedCurve: curve }).publicKey.export({ format: "der", type: "spki" });
  const p256 = spki("prime256v1");
  fc.assert(
    fc.property(mutated(p256), (bytes) => {
      const read = publicKeyOf(bytes);
      if (read === undefined) return;
      assert.equal(read.kind, "ecdsa");
      assert.equal(read.key.asymmetricKeyDetails?.namedCurve, "prime256v1");
    }),
    { ...property, numRuns: Math.min(property.numRuns, 5000) },
  );
  for (const curve of ["secp256k1", "brainpoolP256r1", "secp224r1"])
    assert.equal(publicKeyOf(spki(curve)), undefined);
  for (const curve of ["secp384r1", "secp521r1"]) assert.equal(publicKeyOf(spki(curve))?.kind, "ecdsa");
});

test("a manifest of schema 1 is recognised however its members are spelt", () => {
  const protectedHeader = (formatLength: number) =>
    Buffer.from(
      JSON.stringify({ formatLength, formatTail: Buffer.from("}").toString("base64url") }),
    ).toString("base64url");
  const body = '{"schemaVersion":1,"name":"a"';
  for (const name of ["signatures", "\\u0073ignatures", "si\\u0067natures", "\\u0053ignatures"]) {
    const text = `${body},"${name}":[{"protected":"${protectedHeader(body.length)}"}]}`;
    const read = outcome(() => manifestDigest(Buffer.from(text)));
    if (name === "signatures") assert.equal(read, digestOf(`${body}}`));
    // With an escape the signatures do not end where they say; `S` is another member.
    else if (name.startsWith("\\u0053")) assert.equal(read, digestOf(text));
    else assert.match(String(read), /cover another document/);
  }
  const declared =
    '{"schemaVersion":1,"mediaType":"application/vnd.docker.distribution.manifest.v1+prettyjws"}';
  assert.match(
    String(outcome(() => manifestDigest(Buffer.from(declared)))),
    /error unmarshalling signatures/,
  );
});

test("a chain that was read before is the same, and one that cannot be read never is", () => {
  const { chainPem } = createAuthorities().issue("dev@example.com");
  const read = createChainReader();
  const first = read(chainPem);
  assert.deepEqual(first, chainIntermediates(chainPem));
  assert.equal(read(chainPem), first);
  for (let turn = 0; turn < 2; turn++) assert.throws(() => read("x"), PolicyError);
  const others = Array.from({ length: 16 }, (_, at) => chainPem + "\n".repeat(at + 1));
  for (const other of others) assert.equal(read(other).length, 1);
  assert.notEqual(read(chainPem), first, "forgotten after sixteen others");
  const long = chainPem + toPem("CERTIFICATE", Buffer.from(createAuthorities().root.der)).repeat(60);
  if (long.length > 16 * 1024) assert.notEqual(read(long), read(long));
});
