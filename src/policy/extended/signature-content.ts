/**
 * What was signed, as verification asks about it.
 *
 * @module
 */
import { createHash, type KeyObject, verify } from "node:crypto";
import type { Bundle } from "@sigstore/bundle";
import type { SignedEntity } from "@sigstore/verify";
import { equalBytes } from "../../core/bytes.ts";
import { type Digest, digestAlgorithm, digestHex, digestOf } from "../../core/digest.ts";
import { invalidSignature, PolicyError } from "../errors.ts";
import { isDigestSignature, type SignatureHash } from "./digest-signature.ts";

/** The content that a bundle must be about: its bytes, or only their digest. */
export type BundleArtifact = { readonly bytes: Uint8Array } | { readonly digest: Digest };

type SignatureContent = SignedEntity["signature"];
type Envelope = Extract<Bundle["content"], { $case: "dsseEnvelope" }>["dsseEnvelope"];
type MessageSignature = Extract<Bundle["content"], { $case: "messageSignature" }>["messageSignature"];

/** Numbers of the hash functions in a bundle. */
const HASHES: Readonly<Record<number, SignatureHash>> = { 1: "sha256", 2: "sha384", 3: "sha512" };
const CURVE_HASHES: Readonly<Record<string, SignatureHash>> = {
  secp384r1: "sha384",
  secp521r1: "sha512",
};

/** The signature of an envelope; what the payload says about the artifact is not looked at here. */
export function envelopeContent({ payload, payloadType, signatures }: Envelope): SignatureContent {
  const signature = signatures[0]?.sig ?? Buffer.alloc(0);
  // Pre-authentication encoding: lengths in front, so that type and payload cannot be shifted into each other.
  const type = Buffer.from(payloadType, "utf8");
  const signed = Buffer.concat([
    Buffer.from(`DSSEv1 ${type.length} `),
    type,
    Buffer.from(` ${payload.length} `),
    payload,
  ]);
  return {
    signature,
    compareSignature: (other) => equalBytes(other, signature),
    compareDigest: (digest) => equalBytes(digest, sha256(payload)),
    compareSignedDigest: (digest) => equalBytes(digest, sha256(signed)),
    verifySignature(key) {
      // SHA-256 stands for keys of every kind; the longer curves are used with their own hash function too.
      return hashesOf(key).some((hash) => isSignature(hash, signed, key, signature));
    },
  };
}

/**
 * The signature over an artifact's bytes.
 *
 * @throws {PolicyError} `ERR_POLICY_REQUIREMENT` where the bundle names another digest than the artifact's;
 * `ERR_POLICY_UNSUPPORTED` where only a digest of the artifact is known, and by another hash function.
 */
export function messageContent(
  { messageDigest, signature }: MessageSignature,
  artifact: BundleArtifact,
): SignatureContent {
  const hash = HASHES[messageDigest.algorithm];
  if (!hash) throw invalidSignature("a hash function that is not supported");
  if (!("bytes" in artifact) && digestAlgorithm(artifact.digest) !== hash) {
    throw new PolicyError("ERR_POLICY_UNSUPPORTED", `the ${hash} digest of the artifact is not known`);
  }
  const digest = Buffer.from(
    digestHex("bytes" in artifact ? digestOf(artifact.bytes, hash) : artifact.digest),
    "hex",
  );
  if (!equalBytes(digest, messageDigest.digest)) {
    throw new PolicyError("ERR_POLICY_REQUIREMENT", "the signature is for other content");
  }
  return {
    signature,
    compareSignature: (other) => equalBytes(other, signature),
    compareDigest: (other) => equalBytes(other, digest),
    compareSignedDigest: (other) => equalBytes(other, digest),
    verifySignature(key) {
      if (!("bytes" in artifact)) return isDigestSignature(key, digest, signature, hash);
      const isOwnHash = key.asymmetricKeyType === "ed25519";
      return isSignature(isOwnHash ? undefined : hash, artifact.bytes, key, signature);
    },
  };
}

function hashesOf(key: KeyObject): readonly (SignatureHash | undefined)[] {
  if (key.asymmetricKeyType === "ed25519") return [undefined];
  const own = CURVE_HASHES[key.asymmetricKeyDetails?.namedCurve ?? ""];
  return own ? [own, "sha256"] : ["sha256"];
}

function isSignature(
  hash: SignatureHash | undefined,
  bytes: Uint8Array,
  key: KeyObject,
  signature: Uint8Array,
): boolean {
  try {
    return verify(hash, bytes, key, signature);
  } catch {
    return false;
  }
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}
