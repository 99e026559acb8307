/**
 * Why a signature does not hold, in the text that podman, skopeo and CRI-O show: their print-out of what
 * GnuPG's library found. Times are those of a node whose clock shows UTC.
 *
 * @see {@link https://github.com/proglottis/gpgme/blob/v0.1.4/gpgme.go}
 * @module
 */
import { PolicyError } from "../errors.ts";
import { quote } from "../quote.ts";

/** What is wrong with a signature that could be read. */
export type SignatureProblem =
  /** None of the keys made it. */
  | "unknown-key"
  /** It is not one over this data. */
  | "bad"
  /** It has expired. */
  | "expired"
  /** The key has expired. */
  | "key-expired"
  /** The key was revoked. */
  | "key-revoked"
  /** It is older than the key, or the key is from the future. */
  | "time-conflict"
  /** The key is not one for signing. */
  | "wrong-key-usage"
  /** The key cannot be used: no signature of its owner makes it part of the ring. */
  | "unusable-key"
  /** The hash is one that no longer proves anything. */
  | "weak-hash"
  /** The algorithm is none that can be checked. */
  | "unsupported-algorithm";

/** Bits of the summary, and the error code, of each. */
const CODES: Readonly<Record<SignatureProblem, readonly [summary: number, status: number]>> = {
  "unknown-key": [0x80, 0x9],
  bad: [0x4, 0x7000008],
  expired: [0x40, 0x700009a],
  "key-expired": [0x20, 0x7000099],
  "key-revoked": [0x10, 0x700005e],
  "time-conflict": [0x800, 0x27],
  "wrong-key-usage": [0x800, 0x7d],
  "unusable-key": [0x800, 0x1],
  "weak-hash": [0x800, 0x5],
  "unsupported-algorithm": [0x800, 0x4],
};

/** GnuPG's library has numbers of its own for ECDSA and EdDSA. */
const LIBRARY_ALGORITHMS: Readonly<Record<number, number>> = { 19: 301, 22: 303 };

/** What is known of a signature that does not hold. */
export interface ProblemDetails {
  /** Fingerprint or key ID of the key that made it, in upper-case hexadecimal digits. */
  readonly signer: string;
  /** Seconds since 1970; 0 if not known. */
  readonly created: number;
  /** Seconds since 1970; 0 if it does not expire. */
  readonly expires: number;
  readonly publicKeyAlgorithm: number;
  readonly hashAlgorithm: number;
}

/** The error for a signature that does not hold. */
export function invalidGpgSignature(
  problem: SignatureProblem,
  { signer, created, expires, publicKeyAlgorithm, hashAlgorithm }: ProblemDetails,
  cause?: unknown,
): PolicyError {
  const [summary, status] = CODES[problem];
  const fields = [
    `Summary:${summary}`,
    `Fingerprint:${quote(signer)}`,
    `Status:gpgme.Error{err:0x${status.toString(16)}}`,
    `Timestamp:${goTime(created)}`,
    `ExpTimestamp:${goTime(expires)}`,
    "WrongKeyUsage:false",
    "PKATrust:0x0",
    "ChainModel:false",
    "Validity:0",
    "ValidityReason:error(nil)",
    `PubkeyAlgo:${LIBRARY_ALGORITHMS[publicKeyAlgorithm] ?? publicKeyAlgorithm}`,
    `HashAlgo:${hashAlgorithm}`,
  ];
  return new PolicyError(
    "ERR_POLICY_INVALID_SIGNATURE",
    `Invalid GPG signature: gpgme.Signature{${fields.join(", ")}}`,
    cause === undefined ? {} : { cause },
  );
}

const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

/** A time as Go prints it with `%#v`. */
function goTime(seconds: number): string {
  const date = new Date(seconds * 1000);
  const parts = [
    date.getUTCFullYear(),
    `time.${MONTHS[date.getUTCMonth()]}`,
    date.getUTCDate(),
    date.getUTCHours(),
    date.getUTCMinutes(),
    date.getUTCSeconds(),
    0,
    "time.Local",
  ];
  return `time.Date(${parts.join(", ")})`;
}
