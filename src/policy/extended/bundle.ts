/**
 * Sigstore bundles: JSON text to the message that verification takes.
 *
 * @see {@link https://github.com/sigstore/protobuf-specs/blob/v0.5.0/protos/sigstore_bundle.proto}
 * @module
 */
import type { Bundle, TransparencyLogEntry } from "@sigstore/bundle";
import type { Digest } from "../../core/digest.ts";
import { digestOf } from "../../core/digest.ts";
import { type JsonNode, stringOf } from "../../core/strict-json.ts";
import {
  bytesOf,
  type DocumentKind,
  enumOf,
  int64Of,
  listOf,
  messageOf,
  readDocument,
  someBytesOf,
  unfit,
} from "./protobuf-json.ts";

/** Largest bundle read, in bytes: 4 MiB. */
export const MAX_BUNDLE_BYTES: number = 4 * 1024 * 1024;

/** Media types of the versions 0.1 to 0.3, the newer form of 0.3 last. */
export const BUNDLE_MEDIA_TYPES: readonly string[] = [
  "application/vnd.dev.sigstore.bundle+json;version=0.1",
  "application/vnd.dev.sigstore.bundle+json;version=0.2",
  "application/vnd.dev.sigstore.bundle+json;version=0.3",
  "application/vnd.dev.sigstore.bundle.v0.3+json",
];

/** Payload type of a DSSE envelope that holds an in-toto statement. */
export const IN_TOTO_PAYLOAD = "application/vnd.in-toto+json";

/** A bundle that was read. Nothing about it is verified. */
export interface SigstoreBundle {
  /** One of {@link BUNDLE_MEDIA_TYPES}. */
  readonly mediaType: string;
  /** SHA-256 digest of the text that it was read from. */
  readonly digest: Digest;
  readonly content: "dsse" | "message";
  /** The message, for verification; not part of the stable API. */
  readonly message: Bundle;
}

const BUNDLE: DocumentKind = {
  what: "sigstore bundle",
  code: "ERR_POLICY_INVALID_SIGNATURE",
  maxBytes: MAX_BUNDLE_BYTES,
};
/** More than any honest bundle has, and few enough that checking all of them takes no time. */
const MAX_LOG_ENTRIES = 8;
const MAX_TIMESTAMPS = 8;
const MAX_CERTIFICATES = 16;
/** A proof in a tree of 2^64 leaves has no more. */
const MAX_HASHES = 128;

const HASHES = { SHA2_256: 1, SHA2_384: 2, SHA2_512: 3 } as const;

/**
 * Reads a bundle of version 0.1, 0.2 or 0.3.
 *
 * Signatures, log entries and certificates in it are not looked at: only {@link verifyBundle} tells whether it says
 * anything.
 *
 * @throws {PolicyError} `ERR_POLICY_INVALID_SIGNATURE` for anything else: another version, an unknown or repeated
 * member, a missing one, base64 that is not canonical, more than 4 MiB, more than 8 log entries or timestamps.
 */
export function parseBundle(input: Uint8Array | string): SigstoreBundle {
  const message = readDocument(input, BUNDLE, readBundle);
  return {
    mediaType: message.mediaType,
    digest: digestOf(input),
    content: message.content.$case === "dsseEnvelope" ? "dsse" : "message",
    message,
  };
}

function readBundle(node: JsonNode): Bundle {
  const { mediaType, verificationMaterial, messageSignature, dsseEnvelope } = messageOf(
    node,
    {
      mediaType: (value) => {
        const text = stringOf(value);
        if (!BUNDLE_MEDIA_TYPES.includes(text)) throw unfit(value, "a media type of no known version");
        return text;
      },
      verificationMaterial: readMaterial,
      messageSignature: readMessageSignature,
      dsseEnvelope: readEnvelope,
    },
    ["mediaType", "verificationMaterial"],
  );
  let content: Bundle["content"];
  if (messageSignature && !dsseEnvelope) content = { $case: "messageSignature", messageSignature };
  else if (dsseEnvelope && !messageSignature) content = { $case: "dsseEnvelope", dsseEnvelope };
  else throw unfit(node, "exactly one of messageSignature and dsseEnvelope must be there");
  checkVersion(node, mediaType, verificationMaterial);
  return { mediaType, verificationMaterial, content };
}

/** What the versions ask for: 0.1 promises, the others proofs; 0.3 a single certificate. */
function checkVersion(node: JsonNode, mediaType: string, material: Material): void {
  const version = BUNDLE_MEDIA_TYPES.indexOf(mediaType);
  for (const { inclusionPromise, inclusionProof } of material.tlogEntries) {
    if (version === 0 ? !inclusionPromise : !inclusionProof) {
      throw unfit(node, `a log entry without inclusion ${version === 0 ? "promise" : "proof"}`);
    }
  }
  if (version >= 2 && material.content.$case === "x509CertificateChain") {
    throw unfit(node, "a certificate chain, where version 0.3 has one certificate");
  }
}

type Material = Bundle["verificationMaterial"];

function readMaterial(node: JsonNode): Material {
  const { x509CertificateChain, certificate, publicKey, tlogEntries, timestampVerificationData } = messageOf(
    node,
    {
      x509CertificateChain: readChain,
      certificate: readCertificate,
      publicKey: (value) => messageOf(value, { hint: stringOf }),
      tlogEntries: listOf(MAX_LOG_ENTRIES, readLogEntry),
      timestampVerificationData: (value) =>
        messageOf(value, { rfc3161Timestamps: listOf(MAX_TIMESTAMPS, readTimestamp) }),
    },
  );
  const kinds: Material["content"][] = [];
  if (x509CertificateChain) kinds.push({ $case: "x509CertificateChain", x509CertificateChain });
  if (certificate) kinds.push({ $case: "certificate", certificate });
  if (publicKey) kinds.push({ $case: "publicKey", publicKey: { hint: publicKey.hint ?? "" } });
  const [content, ...others] = kinds;
  if (!content || others.length > 0) {
    throw unfit(node, "exactly one of certificate, x509CertificateChain and publicKey must be there");
  }
  const { rfc3161Timestamps = [] } = timestampVerificationData ?? {};
  return { content, tlogEntries: tlogEntries ?? [], timestampVerificationData: { rfc3161Timestamps } };
}

function readChain(node: JsonNode): { certificates: { rawBytes: Buffer }[] } {
  const certificates = listOf(MAX_CERTIFICATES, readCertificate);
  const chain = messageOf(node, { certificates }, ["certificates"]);
  if (chain.certificates.length === 0) throw unfit(node, "a chain without certificates");
  return chain;
}

function readCertificate(node: JsonNode): { rawBytes: Buffer } {
  return messageOf(node, { rawBytes: someBytesOf }, ["rawBytes"]);
}

function readTimestamp(node: JsonNode): { signedTimestamp: Buffer } {
  return messageOf(node, { signedTimestamp: someBytesOf }, ["signedTimestamp"]);
}

function readLogEntry(node: JsonNode): TransparencyLogEntry {
  const { logIndex, integratedTime, inclusionPromise, inclusionProof, ...entry } = messageOf(
    node,
    {
      logIndex: int64Of,
      logId: (value) => messageOf(value, { keyId: someBytesOf }, ["keyId"]),
      kindVersion: (value) => messageOf(value, { kind: stringOf, version: stringOf }, ["kind", "version"]),
      integratedTime: int64Of,
      inclusionPromise: (value) =>
        messageOf(value, { signedEntryTimestamp: someBytesOf }, ["signedEntryTimestamp"]),
      inclusionProof: readProof,
      canonicalizedBody: someBytesOf,
    },
    ["logId", "kindVersion", "canonicalizedBody"],
  );
  return {
    ...entry,
    logIndex: logIndex ?? "0",
    integratedTime: integratedTime ?? "0",
    inclusionPromise,
    inclusionProof,
  };
}

function readProof(node: JsonNode): NonNullable<TransparencyLogEntry["inclusionProof"]> {
  const { logIndex, rootHash, treeSize, hashes, checkpoint } = messageOf(
    node,
    {
      logIndex: int64Of,
      rootHash: bytesOf,
      treeSize: int64Of,
      hashes: listOf(MAX_HASHES, someBytesOf),
      checkpoint: (value) => messageOf(value, { envelope: stringOf }, ["envelope"]),
    },
    ["checkpoint"],
  );
  return {
    logIndex: logIndex ?? "0",
    rootHash: rootHash ?? Buffer.alloc(0),
    treeSize: treeSize ?? "0",
    hashes: hashes ?? [],
    checkpoint,
  };
}

type MessageContent = Extract<Bundle["content"], { $case: "messageSignature" }>["messageSignature"];

function readMessageSignature(node: JsonNode): MessageContent {
  return messageOf(
    node,
    {
      messageDigest: (value) =>
        messageOf(value, { algorithm: enumOf(HASHES), digest: someBytesOf }, ["algorithm", "digest"]),
      signature: someBytesOf,
    },
    ["messageDigest", "signature"],
  );
}

type Envelope = Extract<Bundle["content"], { $case: "dsseEnvelope" }>["dsseEnvelope"];

function readEnvelope(node: JsonNode): Envelope {
  return messageOf(
    node,
    {
      payload: someBytesOf,
      payloadType: stringOf,
      signatures: (value) => {
        const found = listOf(1, readEnvelopeSignature)(value);
        if (found.length === 0) throw unfit(value, "an envelope without a signature");
        return found;
      },
    },
    ["payload", "payloadType", "signatures"],
  );
}

function readEnvelopeSignature(node: JsonNode): { sig: Buffer; keyid: string } {
  const { sig, keyid } = messageOf(node, { sig: someBytesOf, keyid: stringOf }, ["sig"]);
  return { sig, keyid: keyid ?? "" };
}
