/**
 * What a policy says about an image, and how it got there: plain data.
 *
 * @module
 */
import type { Digest } from "../core/digest.ts";
import type { PolicyErrorClass } from "./errors.ts";
import type { PolicyScope } from "./scope.ts";
import type { SignatureStep } from "./sigstore.ts";
import type { PolicyRequirement } from "./types.ts";

/** The outcome of evaluating a list of requirements. */
export type Evaluation = AllowedEvaluation | RejectedEvaluation;

/** How an evaluation went, whatever came out. */
export interface EvaluationTrace {
  /** Where the requirements stand in the policy. */
  readonly scope: PolicyScope;
  /** Every key that was looked for in the policy, in order. */
  readonly candidates: readonly string[];
  /** Keys that cover the image too, but less specifically. */
  readonly overridden: readonly string[];
  /** In order; after the first that is not met there are none. */
  readonly requirements: readonly RequirementResult[];
}

/** Every requirement is met. */
export interface AllowedEvaluation extends EvaluationTrace {
  readonly kind: "allowed";
  /**
   * The last second, since 1970, at which the signatures that were accepted still would be: the end of a
   * certificate, key or signature. Absent where none of them ends by itself, as with bare keys, and with
   * Fulcio, whose certificates are judged at the time in the log.
   */
  readonly validUntil?: number;
}

/** A requirement is not met. */
export interface RejectedEvaluation extends EvaluationTrace {
  readonly kind: "rejected";
  readonly errorClass: PolicyErrorClass;
  /** The reference implementation's text, such as `A signature was required, but no signature exists`. */
  readonly reason: string;
}

/** How one requirement went. */
export type RequirementResult = MetRequirement | FailedRequirement;

/** A requirement that is met. */
export interface MetRequirement {
  readonly kind: "met";
  readonly type: PolicyRequirement["type"];
  /** The signatures that were looked at; the last one is the accepted one. */
  readonly signatures: readonly SignatureResult[];
}

/** A requirement that is not met. */
export interface FailedRequirement {
  readonly kind: "failed";
  readonly type: PolicyRequirement["type"];
  readonly errorClass: PolicyErrorClass;
  readonly reason: string;
  /** Every signature that could have met it, each with why it does not. */
  readonly signatures: readonly SignatureResult[];
}

/** The fate of one signature. */
export type SignatureResult = SignatureAccepted | SignatureRejected;

/** Which signature it is. */
export interface SignatureLabel {
  /** Name of the place that it was found in. */
  readonly source: string;
  /** Digest of the payload, or of the OpenPGP message. */
  readonly digest: Digest;
}

/** A signature that was accepted. */
export interface SignatureAccepted extends SignatureLabel {
  readonly kind: "accepted";
  /** The name that it claims for the image. */
  readonly dockerReference: string;
  /** When the log recorded it, in seconds since 1970; absent where no log is required. */
  readonly loggedAt?: bigint;
  /** The last second, since 1970, at which it would be accepted; absent where that does not end by itself. */
  readonly validUntil?: number;
}

/** A signature that was not accepted. */
export interface SignatureRejected extends SignatureLabel {
  readonly kind: "rejected";
  readonly errorClass: PolicyErrorClass;
  readonly reason: string;
  /** The step that failed; those before it succeeded. */
  readonly step: SignatureStep;
}

/** What a policy says about an image. */
export type Verdict = AllowedVerdict | RejectedVerdict;

/** What every verdict says. */
export interface VerdictSubject {
  /** The reference that was decided on, in full. */
  readonly reference: string;
  /**
   * Digest of the image's manifest. The verdict is about this content and no other: pull and run exactly it.
   */
  readonly digest: Digest;
  /** Digest of the index that the image was found in, where the reference names one. */
  readonly indexDigest?: Digest;
  /** Where signatures were looked for, in order; empty where no requirement needs any. */
  readonly sources: readonly SourceReport[];
  /**
   * When this was decided, in seconds since 1970 by the verifier's clock: before the call where the verdict was kept
   * from an earlier one.
   */
  readonly decidedAt: number;
}

/** What was found in one place. */
export interface SourceReport {
  readonly name: string;
  /** How many signatures and other attachments there are. */
  readonly found: number;
  /** Every single place, in order, with what was passed over; empty for a source that does not tell. */
  readonly lookedAt: readonly LookedAt[];
}

/** A single place of signatures, and what came of it. */
export type LookedAt = LookedAndFound | LookedInVain | NotLookedAt;

/** Which place it is. */
export interface LookedAtPlace {
  /** What kind of place it is. */
  readonly place: "registry-extension" | "lookaside" | "sigstore-attachments" | "directory" | "referrers";
  /** A URL without credentials and query, a path, or a repository with a tag or digest. */
  readonly location: string;
  /** What says that signatures are looked for there, or not: a file, with the key in it. Absent for built-in rules. */
  readonly origin?: string | undefined;
}

/** There are signatures. */
export interface LookedAndFound extends LookedAtPlace {
  readonly kind: "found";
  /** How many there are, other attachments included. */
  readonly found: number;
}

/** The place was asked, and has none. */
export interface LookedInVain extends LookedAtPlace {
  readonly kind: "absent";
}

/** The place was passed over: whether it has signatures is not known. */
export interface NotLookedAt extends LookedAtPlace {
  readonly kind: "skipped";
  readonly reason: string;
}

/** The image may be used. */
export type AllowedVerdict = AllowedEvaluation & VerdictSubject;

/** The image must not be used. */
export interface RejectedVerdict extends RejectedEvaluation, VerdictSubject {
  /** What podman, skopeo and CRI-O report at a pull: `Source image rejected: …`. */
  readonly message: string;
  /**
   * What CRI-O answers at a pull: `message`, after `SignatureValidationFailed: ` if the class is
   * `policy-requirement` or `invalid-signature`.
   */
  readonly criError: string;
}
