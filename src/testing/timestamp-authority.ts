/**
 * A timestamp authority for tests: signs the times that it is told to.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc3161}
 * @module
 */
import { type KeyObject, randomBytes, sign } from "node:crypto";
import { Certificate } from "pkijs";
import { type MintedCertificate, type MintOptions, mintCertificate } from "./certificates.ts";
import {
  derGeneralizedTime,
  derObjectId,
  derOctets,
  derSequence,
  derSet,
  derUnsigned,
  derValue,
} from "./der-write.ts";
import { sha256 } from "./sha256.ts";

/** Options of {@link createTimestampAuthority}. */
export interface TimestampAuthorityOptions {
  /** The present time in milliseconds since 1970. Default `Date.now`. */
  now?: (() => number) | undefined;
  /** What is to be different about the certificate that signs times. */
  leaf?: Partial<MintOptions> | undefined;
}

/** Options of {@link TimestampAuthority.timestamp}. */
export interface TimestampOptions {
  /** The time to sign, in milliseconds since 1970, of which only whole seconds count. Default: now. */
  at?: number | undefined;
  /** Whether the certificate is put into the token, or the DER of another one in its place. Default false. */
  embedCertificate?: boolean | Uint8Array | undefined;
  /** Signs in the place of the certified key, whose certificate the token goes on to name. */
  key?: KeyObject | undefined;
}

/** An authority that signs times. */
export interface TimestampAuthority {
  readonly root: MintedCertificate;
  readonly leaf: MintedCertificate;
  /** DER of a response (`TimeStampResp`) for bytes, over their SHA-256 digest. */
  timestamp(bytes: Uint8Array, options?: TimestampOptions): Buffer;
}

const YEAR_MS = 365 * 24 * 3600 * 1000;
const SHA256 = derSequence(derObjectId("2.16.840.1.101.3.4.2.1"));
const ECDSA_SHA256 = derSequence(derObjectId("1.2.840.10045.4.3.2"));
const SIGNED_DATA = derObjectId("1.2.840.113549.1.7.2");
const TST_INFO = derObjectId("1.2.840.113549.1.9.16.1.4");
const CONTENT_TYPE = derObjectId("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST = derObjectId("1.2.840.113549.1.9.4");
const SIGNING_CERTIFICATE_V2 = derObjectId("1.2.840.113549.1.9.16.2.47");
const POLICY = derObjectId("1.3.6.1.4.1.57264.2");
const TIME_STAMPING = derSequence(derObjectId("1.3.6.1.5.5.7.3.8"));

/** A new authority with keys of its own, valid from a year ago for two years. */
export function createTimestampAuthority(options: TimestampAuthorityOptions = {}): TimestampAuthority {
  const { now = Date.now } = options;
  const window = { notBefore: now() - YEAR_MS, notAfter: now() + YEAR_MS };
  const root = mintCertificate({ subject: "test tsa root", ...window, isCa: true, keyUsage: 0x06 });
  const leaf = mintCertificate({
    subject: "test tsa",
    issuer: root,
    ...window,
    keyUsage: 0x80,
    extensions: [{ oid: "2.5.29.37", critical: true, value: TIME_STAMPING }],
    ...options.leaf,
  });
  return {
    root,
    leaf,
    timestamp(bytes, { at = now(), embedCertificate = false, key = leaf.key } = {}) {
      const embedded = embedCertificate === true ? leaf.der : embedCertificate;
      return response({ leaf, key, imprint: sha256(bytes), at, embedded });
    },
  };
}

interface Token {
  leaf: MintedCertificate;
  key: KeyObject;
  imprint: Uint8Array;
  at: number;
  embedded: Uint8Array | false;
}

function response({ leaf, key, imprint, at, embedded }: Token): Buffer {
  const info = derSequence(
    derUnsigned(Buffer.of(1)),
    POLICY,
    derSequence(SHA256, derOctets(imprint)),
    derUnsigned(randomBytes(8).fill(1, 0, 1)),
    derGeneralizedTime(at),
  );
  const attributes = [
    derSequence(CONTENT_TYPE, derSet(TST_INFO)),
    derSequence(MESSAGE_DIGEST, derSet(derOctets(sha256(info)))),
    derSequence(
      SIGNING_CERTIFICATE_V2,
      derSet(derSequence(derSequence(derSequence(derOctets(sha256(leaf.der)))))),
    ),
  ];
  const signedAttributes = derSet(...attributes);
  const signature = sign("sha256", signedAttributes, key);
  const certificate = Certificate.fromBER(leaf.der);
  const signerInfo = derSequence(
    derUnsigned(Buffer.of(1)),
    derSequence(
      Buffer.from(certificate.issuer.toSchema().toBER()),
      Buffer.from(certificate.serialNumber.toBER()),
    ),
    SHA256,
    // The same content under the tag that it has in the message.
    Buffer.concat([Buffer.of(0xa0), signedAttributes.subarray(1)]),
    ECDSA_SHA256,
    derOctets(signature),
  );
  const signedData = derSequence(
    derUnsigned(Buffer.of(3)),
    derSet(SHA256),
    derSequence(TST_INFO, derValue(0xa0, derOctets(info))),
    ...(embedded ? [derValue(0xa0, embedded)] : []),
    derSet(signerInfo),
  );
  const granted = derSequence(derUnsigned(Buffer.of(0)));
  return derSequence(granted, derSequence(SIGNED_DATA, derValue(0xa0, signedData)));
}
