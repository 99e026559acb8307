/**
 * Errors of reading a policy and of deciding by one.
 *
 * @module
 */
import { type JsonPosition, LadingError, type LadingErrorOptions } from "../core/errors.ts";
import type { ImportLoss } from "./import/loss.ts";

/** Codes of {@link PolicyError}. */
export type PolicyErrorCode =
  // Reading a policy.
  /** The policy is not one complete JSON text. */
  | "ERR_POLICY_SYNTAX"
  /** The policy is longer, or nested deeper, than any policy needs. */
  | "ERR_POLICY_TOO_LARGE"
  /** An object names a member twice. */
  | "ERR_POLICY_DUPLICATE_KEY"
  /** An object has a member that its type does not have, or a scope that its transport refuses. */
  | "ERR_POLICY_UNKNOWN_KEY"
  /** An object lacks a member that its type requires. */
  | "ERR_POLICY_MISSING_KEY"
  /** Something other than an object stands where an object must. */
  | "ERR_POLICY_NOT_OBJECT"
  /** Something other than a list stands where a list of requirements must. */
  | "ERR_POLICY_NOT_ARRAY"
  /** A member has a value of another JSON type than its own. */
  | "ERR_POLICY_WRONG_TYPE"
  /** A `…Data` member is not standard base64. */
  | "ERR_POLICY_INVALID_BASE64"
  /** The `type` of a requirement is none that exists. */
  | "ERR_POLICY_UNKNOWN_REQUIREMENT_TYPE"
  /** The `type` of a `signedIdentity` is none that exists. */
  | "ERR_POLICY_UNKNOWN_IDENTITY_TYPE"
  /** The policy has no `default`. */
  | "ERR_POLICY_MISSING_DEFAULT"
  /** A list of requirements is empty. */
  | "ERR_POLICY_EMPTY_REQUIREMENTS"
  /** The `keyType` of a `signedBy` requirement is none that exists. */
  | "ERR_POLICY_KEY_TYPE"
  /** A requirement names no keys. */
  | "ERR_POLICY_KEY_SOURCE_MISSING"
  /** A requirement names its keys in more than one way. */
  | "ERR_POLICY_KEY_SOURCE_CONFLICT"
  /** A list of keys has no entries. */
  | "ERR_POLICY_EMPTY_KEY_LIST"
  /** A requirement names its Rekor keys in more than one way. */
  | "ERR_POLICY_REKOR_CONFLICT"
  /** A `fulcio` requirement names no Rekor key. */
  | "ERR_POLICY_REKOR_REQUIRED"
  /** A `pki` requirement names a Rekor key. */
  | "ERR_POLICY_REKOR_FORBIDDEN"
  /** A `fulcio` or `pki` object names no certificate authority. */
  | "ERR_POLICY_CA_MISSING"
  /** A `fulcio` or `pki` object names certificates both by path and as data. */
  | "ERR_POLICY_CA_CONFLICT"
  /** A `fulcio` or `pki` object does not say who must have signed. */
  | "ERR_POLICY_SUBJECT_MISSING"
  /** A `dockerReference` or `dockerRepository` is no such thing. */
  | "ERR_POLICY_INVALID_REFERENCE"
  /** A `prefix` or `signedPrefix` is neither a domain nor a repository name. */
  | "ERR_POLICY_INVALID_PREFIX"
  // Deciding.
  /** Keys or certificates that a requirement names cannot be read or are none. */
  | "ERR_POLICY_TRUST_ROOT"
  /** A signature lacks an annotation that the requirement needs. */
  | "ERR_POLICY_MISSING_ANNOTATION"
  /** A signature does not hold: bytes, certificate, log entry or payload. */
  | "ERR_POLICY_INVALID_SIGNATURE"
  /** A good signature is for something else: another digest, another identity. */
  | "ERR_POLICY_REQUIREMENT"
  /** The image reference is not one that can be decided on. */
  | "ERR_POLICY_REFERENCE"
  /** The manifest cannot be had, does not match its digest, or cannot be read. */
  | "ERR_POLICY_MANIFEST"
  /** An index was found, and which image of it is meant is not said, or it has no such image. */
  | "ERR_POLICY_INSTANCE"
  /** The stored signatures cannot be had or read, or are too many. */
  | "ERR_POLICY_SIGNATURES"
  /** Deciding needs something that this version does not do. */
  | "ERR_POLICY_UNSUPPORTED"
  /** A policy of another system cannot be imported, or not without accepting more than it does. */
  | "ERR_POLICY_IMPORT"
  /** A policy file is missing or cannot be read. */
  | "ERR_POLICY_FILE"
  /** The files of registries.d cannot be read, or contradict each other. */
  | "ERR_POLICY_REGISTRIES_D"
  // Signing.
  /** A private key cannot be read, or is of a kind that signatures are not made with. */
  | "ERR_POLICY_PRIVATE_KEY"
  /** A private key is encrypted, and the passphrase is missing or another one. */
  | "ERR_POLICY_PASSPHRASE"
  /** What a signer, an authority or a log gave does not hold for what it was asked to sign. */
  | "ERR_POLICY_SIGNER"
  /** An authority or a log refused, failed, or answered with something else than its protocol says. */
  | "ERR_POLICY_SIGNING_SERVICE"
  /** Signatures were changed by others again and again while one was to be added. */
  | "ERR_POLICY_CONFLICT";

/**
 * The classes that the reference implementation sorts failures into.
 *
 * CRI-O marks `policy-requirement` and `invalid-signature` with `SignatureValidationFailed`; the others mean
 * that the check could not be made as the policy asks.
 */
export type PolicyErrorClass = "policy-format" | "policy-requirement" | "invalid-signature" | "other";

/** What a {@link PolicyError} may carry. */
export interface PolicyErrorOptions extends LadingErrorOptions {
  /** Default: the class of every error with this code; see {@link PolicyError.errorClass}. */
  errorClass?: PolicyErrorClass | undefined;
  /** Where in the policy the error lies. */
  position?: JsonPosition | undefined;
  /** What the author may have meant; see {@link PolicyError.hint}. */
  hint?: string | undefined;
  /** What an import would lose; see {@link PolicyError.losses}. */
  losses?: readonly ImportLoss[] | undefined;
}

const DECIDING: Readonly<Partial<Record<PolicyErrorCode, PolicyErrorClass>>> = {
  ERR_POLICY_TRUST_ROOT: "other",
  ERR_POLICY_MISSING_ANNOTATION: "other",
  ERR_POLICY_INVALID_SIGNATURE: "invalid-signature",
  ERR_POLICY_REQUIREMENT: "policy-requirement",
  ERR_POLICY_REFERENCE: "other",
  ERR_POLICY_MANIFEST: "other",
  ERR_POLICY_INSTANCE: "other",
  ERR_POLICY_SIGNATURES: "other",
  ERR_POLICY_UNSUPPORTED: "other",
  ERR_POLICY_FILE: "other",
  ERR_POLICY_REGISTRIES_D: "other",
  ERR_POLICY_PRIVATE_KEY: "other",
  ERR_POLICY_PASSPHRASE: "other",
  ERR_POLICY_SIGNER: "other",
  ERR_POLICY_SIGNING_SERVICE: "other",
  ERR_POLICY_CONFLICT: "other",
};

/**
 * An error of `lading/policy`.
 *
 * The message is the text of the reference implementation wherever users meet that text, so that logs and
 * documentation about it apply. No such error means "allowed", whoever catches it.
 */
export class PolicyError extends LadingError {
  readonly code: PolicyErrorCode;
  /** How the reference implementation classes this failure. */
  readonly errorClass: PolicyErrorClass;
  /** Where in the policy the error lies; set for every error of reading one. */
  readonly position?: JsonPosition;
  /**
   * What the author of the policy may have meant, such as `did you mean "keyPath"?`. Not part of the message,
   * which is the reference implementation's.
   */
  declare readonly hint?: string;
  /** Every loss for which an import was refused; set for `ERR_POLICY_IMPORT` of that reason. */
  declare readonly losses?: readonly ImportLoss[];

  constructor(code: PolicyErrorCode, message: string, options: PolicyErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.errorClass = options.errorClass ?? DECIDING[code] ?? "policy-format";
    if (options.position) this.position = options.position;
    if (options.hint !== undefined) this.hint = options.hint;
    if (options.losses !== undefined) this.losses = options.losses;
  }
}

/** A signature that does not hold. */
export function invalidSignature(message: string, cause?: unknown): PolicyError {
  return new PolicyError("ERR_POLICY_INVALID_SIGNATURE", message, cause === undefined ? {} : { cause });
}

/** Signatures, or what they are kept in, that are not what they must be. */
export function unreadable(message: string, cause?: unknown): PolicyError {
  return new PolicyError("ERR_POLICY_SIGNATURES", message, cause === undefined ? {} : { cause });
}
