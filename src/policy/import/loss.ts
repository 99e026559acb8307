/**
 * What a policy of another system says and the imported one does not.
 *
 * @module
 */
import type { JsonPosition } from "../../core/errors.ts";
import { type JsonNode, positionOf } from "../../core/strict-json.ts";
import { PolicyError } from "../errors.ts";

/** Something that an import could not carry over. */
export interface ImportLoss {
  readonly code: ImportLossCode;
  /**
   * What the loss does to the result. `accepts-less`: it refuses images that the source accepts. `accepts-more`: it
   * would accept images that the source refuses. `not-imported`: nothing would stand for what is lost, or unsigned images
   * would be accepted. The last two end an import with an error, except for an {@link AcceptableLoss} that accepts more
   * and that the caller names.
   */
  readonly effect: "accepts-less" | "accepts-more" | "not-imported";
  /** Kind and name, such as `ClusterImagePolicy/signed`; with the namespace where there is one. */
  readonly object: string;
  readonly position: JsonPosition;
  /** What is lost and what it means, for people. */
  readonly message: string;
}

/** What can be lost. */
export type ImportLossCode =
  /** A condition over verified attestations, in CUE or Rego. */
  | "policy-language"
  /** Attestations are checked in place of the image's signature. */
  | "attestations"
  /** Any one of several authorities is enough. */
  | "any-of-authorities"
  /** Any one of several identities is enough. */
  | "any-of-identities"
  /** The identity of the signer is not pinned. */
  | "any-identity"
  /** An issuer or subject is a regular expression. */
  | "identity-pattern"
  /** A subject that is no e-mail address. */
  | "subject-kind"
  /** A certificate must have a timestamp from a certificate transparency log. */
  | "sct"
  /** A signature must have a timestamp of an authority. */
  | "timestamp"
  /** Certificates or keys that are named, and not given to the import. */
  | "trust-root"
  /** A key that is held in a secret or a key management system, and not given to the import. */
  | "key-reference"
  /** A hash algorithm other than SHA-256. */
  | "hash-algorithm"
  /** The log may be asked online for entries that the signature does not carry. */
  | "log-lookup"
  /** The log is not asked for, and the format demands one. */
  | "log-required"
  /** Signatures lie in another repository, or under other tags. */
  | "signature-source"
  /** Signatures are sigstore bundles. */
  | "signature-format"
  /** A failing check warns only. */
  | "mode-warn"
  /** The policy is for some resources only. */
  | "match"
  /** The message of a static refusal. */
  | "message"
  /** The source does not compare the name that a signature claims. */
  | "signed-identity"
  /** A pattern of image names that is no scope. */
  | "glob"
  /** A pattern for what lies below a name, whose scope covers the repository of that name too. */
  | "glob-same-name"
  /** A pattern for one level below a name, whose scope covers deeper ones too. */
  | "glob-depth"
  /** A pattern for hosts without port, whose scope covers those with a port too. */
  | "glob-port"
  /** A scope of a namespace's policy that a scope of the cluster's covers, and that its own policy replaces. */
  | "cluster-scope-replaced"
  /** A scope of a namespace's policy that the cluster's policy goes before. */
  | "cluster-scope-wins";

/**
 * Losses that let the result accept more than the source, which a caller may take knowingly.
 *
 * `sct`: a certificate of the authority that is in no transparency log. The `glob-…` ones: images that the pattern does
 * not name and the scope covers, if they bear the signature that the policy asks for. `match`: other resources than the
 * policy selects, likewise.
 */
export type AcceptableLoss = "sct" | "glob-same-name" | "glob-depth" | "glob-port" | "match";

/** Collects losses, and ends the import if the result would accept what the source does not. */
export interface LossRecord {
  /** Adds a loss at a place of the source. */
  add(node: JsonNode, code: ImportLossCode, effect: ImportLoss["effect"], message: string): void;
  /** Every loss so far, of all objects. */
  readonly losses: readonly ImportLoss[];
  /** The same record, for another object of the source. */
  of(object: string): LossRecord;
  /** Fails if a loss was recorded that must not be. */
  assertNoneWidens(): void;
}

/** A record of losses for the import of some objects. */
export function lossRecord(
  accepted: ReadonlySet<string>,
  object = "",
  losses: ImportLoss[] = [],
): LossRecord {
  return {
    losses,
    add(node, code, effect, message) {
      losses.push({ code, effect, object, position: positionOf(node), message });
    },
    of: (name) => lossRecord(accepted, name, losses),
    assertNoneWidens() {
      const fatal = losses.filter(
        ({ code, effect }) => effect === "not-imported" || (effect === "accepts-more" && !accepted.has(code)),
      );
      const [first, ...others] = fatal;
      if (!first) return;
      const more = others.length === 0 ? "" : ` (and ${others.length} more)`;
      throw new PolicyError(
        "ERR_POLICY_IMPORT",
        `${first.object}: ${first.message}${more}: the imported policy would not be as strict`,
        { position: first.position, losses: fatal },
      );
    },
  };
}
