/**
 * Trusted roots: which certificate authorities, logs and timestamp authorities count, and from when to when.
 *
 * @see {@link https://github.com/sigstore/protobuf-specs/blob/v0.5.0/protos/sigstore_trustroot.proto}
 * @module
 */
import { createPublicKey } from "node:crypto";
import type { TrustedRoot as TrustedRootMessage } from "@sigstore/protobuf-specs";
import { type Digest, digestOf } from "../../core/digest.ts";
import { messageOf as messageOfError } from "../../core/message-of.ts";
import { type JsonNode, stringOf } from "../../core/strict-json.ts";
import { parseCertificate } from "../certificate.ts";
import { PolicyError } from "../errors.ts";
import {
  type DocumentKind,
  enumOf,
  listOf,
  messageOf,
  readDocument,
  someBytesOf,
  timeOf,
  unfit,
} from "./protobuf-json.ts";

/** A trusted root that was read. */
export interface TrustedRoot {
  readonly mediaType: string;
  /** SHA-256 digest of the text that it was read from: what a cache key needs to tell it from others. */
  readonly digest: Digest;
  /** The message, for verification; not part of the stable API. */
  readonly message: TrustedRootMessage;
}

/** Largest trusted root read, in bytes: 1 MiB. */
const TRUSTED_ROOT: DocumentKind = {
  what: "trusted root",
  code: "ERR_POLICY_TRUST_ROOT",
  maxBytes: 1024 * 1024,
};

const MEDIA_TYPES = [
  "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
  "application/vnd.dev.sigstore.trustedroot+json;version=0.2",
  "application/vnd.dev.sigstore.trustedroot.v0.1+json",
  "application/vnd.dev.sigstore.trustedroot.v0.2+json",
];
/** More of one kind than any root has. */
const MAX_INSTANCES = 128;
const MAX_CERTIFICATES = 16;

const HASHES = { SHA2_256: 1 } as const;
/** Keys that node:crypto verifies with. */
const KEYS = {
  PKCS1_RSA_PKCS1V5: 1,
  PKIX_RSA_PKCS1V5: 3,
  PKIX_ECDSA_P256_SHA_256: 5,
  PKIX_ED25519: 7,
  PKIX_RSA_PKCS1V15_2048_SHA256: 9,
  PKIX_RSA_PKCS1V15_3072_SHA256: 10,
  PKIX_RSA_PKCS1V15_4096_SHA256: 11,
  PKIX_ECDSA_P384_SHA_384: 12,
  PKIX_ECDSA_P521_SHA_512: 13,
} as const;
/** Of those, the ones whose bytes may be a PKCS#1 key. */
const PKCS1: readonly number[] = [1, 3, 9, 10, 11];

/**
 * Reads a `trusted_root.json`, as TUF repositories of sigstore give it out.
 *
 * Where it comes from is the caller's concern: nothing here tells a genuine root from a forged one. Every authority
 * must say from when it counts; one that does not makes the whole document invalid, since "always" would be the
 * only other reading. Certificates with name constraints or with critical extensions that are not understood are
 * refused, since verification would not keep to them.
 *
 * @throws {PolicyError} `ERR_POLICY_TRUST_ROOT` for anything that is not such a document: an unknown or repeated
 * member, a key or certificate that cannot be read, a missing start of validity, an end before the start, a hash
 * algorithm other than SHA-256, more than 1 MiB.
 */
export function parseTrustedRoot(input: Uint8Array | string): TrustedRoot {
  const message = readDocument(input, TRUSTED_ROOT, readRoot);
  return { mediaType: message.mediaType, digest: digestOf(input), message };
}

function readRoot(node: JsonNode): TrustedRootMessage {
  const root = messageOf(
    node,
    {
      mediaType: (value) => {
        const text = stringOf(value);
        if (!MEDIA_TYPES.includes(text)) throw unfit(value, "a media type of no known version");
        return text;
      },
      tlogs: listOf(MAX_INSTANCES, readLog),
      certificateAuthorities: listOf(MAX_INSTANCES, readAuthority),
      ctlogs: listOf(MAX_INSTANCES, readLog),
      timestampAuthorities: listOf(MAX_INSTANCES, readAuthority),
    },
    ["mediaType"],
  );
  const { mediaType, tlogs = [], certificateAuthorities = [], ctlogs = [], timestampAuthorities = [] } = root;
  return { mediaType, tlogs, certificateAuthorities, ctlogs, timestampAuthorities };
}

type Log = TrustedRootMessage["tlogs"][number];

function readLog(node: JsonNode): Log {
  const { baseUrl, checkpointKeyId, operator, ...log } = messageOf(
    node,
    {
      baseUrl: stringOf,
      hashAlgorithm: enumOf(HASHES),
      publicKey: readKey,
      logId: readLogId,
      checkpointKeyId: readLogId,
      operator: stringOf,
    },
    ["hashAlgorithm", "publicKey", "logId"],
  );
  return { ...log, baseUrl: baseUrl ?? "", checkpointKeyId, operator: operator ?? "" };
}

function readLogId(node: JsonNode): { keyId: Buffer } {
  return messageOf(node, { keyId: someBytesOf }, ["keyId"]);
}

function readKey(node: JsonNode): NonNullable<Log["publicKey"]> {
  const key = messageOf(node, { rawBytes: someBytesOf, keyDetails: enumOf(KEYS), validFor: readWindow }, [
    "rawBytes",
    "keyDetails",
    "validFor",
  ]);
  try {
    const type = PKCS1.includes(key.keyDetails) ? "pkcs1" : "spki";
    createPublicKey({ key: key.rawBytes, format: "der", type });
  } catch (cause) {
    throw new PolicyError("ERR_POLICY_TRUST_ROOT", "invalid trusted root: a key that cannot be read", {
      cause,
    });
  }
  return key;
}

type Authority = TrustedRootMessage["certificateAuthorities"][number];

function readAuthority(node: JsonNode): Authority {
  const { subject, uri, operator, certChain, validFor } = messageOf(
    node,
    {
      subject: (value) => messageOf(value, { organization: stringOf, commonName: stringOf }),
      uri: stringOf,
      certChain: readChain,
      validFor: readWindow,
      operator: stringOf,
    },
    ["certChain", "validFor"],
  );
  const { organization = "", commonName = "" } = subject ?? {};
  return {
    subject: { organization, commonName },
    uri: uri ?? "",
    certChain,
    validFor,
    operator: operator ?? "",
  };
}

function readChain(node: JsonNode): { certificates: { rawBytes: Buffer }[] } {
  const readCertificate = (value: JsonNode): { rawBytes: Buffer } =>
    messageOf(value, { rawBytes: someBytesOf }, ["rawBytes"]);
  const certificates = listOf(MAX_CERTIFICATES, readCertificate);
  const chain = messageOf(node, { certificates }, ["certificates"]);
  if (chain.certificates.length === 0) throw unfit(node, "an authority without certificates");
  for (const { rawBytes } of chain.certificates) checkCertificate(rawBytes);
  return chain;
}

function checkCertificate(der: Uint8Array): void {
  const refused = (reason: string, cause?: unknown): PolicyError =>
    new PolicyError("ERR_POLICY_TRUST_ROOT", `invalid trusted root: a certificate ${reason}`, { cause });
  let certificate: ReturnType<typeof parseCertificate>;
  try {
    certificate = parseCertificate(der);
  } catch (cause) {
    throw refused(`that cannot be read: ${messageOfError(cause)}`, cause);
  }
  const { unhandledCritical, nameConstraints } = certificate;
  if (nameConstraints) throw refused("with name constraints, which are not supported");
  if (unhandledCritical.length > 0) throw refused(`with critical extensions ${unhandledCritical.join(", ")}`);
}

function readWindow(node: JsonNode): { start: Date; end?: Date } {
  const { start, end } = messageOf(node, { start: timeOf, end: timeOf }, ["start"]);
  if (end === undefined) return { start };
  if (end < start) throw unfit(node, "an end of validity before its start");
  return { start, end };
}
