/**
 * What a check of a policy finds.
 *
 * @module
 */
import type { JsonPosition } from "../../core/errors.ts";
import { segment } from "../../core/json-tree.ts";

/**
 * How much a finding matters. `error`: the policy does not do what it says, or refuses every image that it is for.
 * `warning`: it most likely does not do what its author means. `info`: worth knowing.
 */
export type LintSeverity = "error" | "warning" | "info";

/** Something about a policy that its author should know. */
export interface LintFinding {
  readonly code: LintCode;
  readonly severity: LintSeverity;
  /** Transport of the scope; absent for the policy's default. */
  readonly transport?: string;
  /** Scope that it is about; absent for the policy's default and for a transport as a whole. */
  readonly scope?: string;
  /** JSONPath (RFC 9535 normalized path) in the policy, such as `$['transports']['docker']['quay.io'][0]`. */
  readonly path: string;
  /** Where that is in the text; set if the text was given. */
  readonly position?: JsonPosition;
  /** File that it is about, where it is about one. */
  readonly file?: string;
  /** For people; may change between versions. */
  readonly message: string;
}

/** What can be found. */
export type LintCode =
  // The policy as a whole.
  /** Images that no scope covers are accepted unsigned. */
  | "default-accepts-anything"
  /** A transport that no program has: its scopes have no effect. */
  | "transport-unknown"
  /** A transport whose images carry no signatures of the kind that is required: none is ever accepted. */
  | "transport-without-signatures"
  /** A scope that no image has. */
  | "scope-unreachable"
  /** A scope that images have only if their reference is spelled in an unusual way. */
  | "scope-unlikely"
  /** The default never applies to a transport, which has a scope for everything. */
  | "default-shadowed"
  /** A narrower scope that accepts unsigned images takes the place of one that demands signatures. */
  | "scope-weakens"
  // One requirement.
  /** It accepts everything, beside requirements that do not: it has no effect. */
  | "accepts-anything-beside-others"
  /** It refuses everything, beside requirements that no longer matter. */
  | "rejects-beside-others"
  /** The same as an earlier one of its list. */
  | "duplicate-requirement"
  /** `signedBaseLayer`, or a `keyType` that nothing implements: no image meets it. */
  | "never-met"
  /** Signatures that cosign makes do not name a tag, which the identity demands. */
  | "identity-needs-tag"
  /** The identity needs the image's name, which images of the transport do not have. */
  | "identity-needs-name"
  /** Images may be called anything; their signatures must claim one tag. */
  | "exact-reference-tag"
  /** The prefix is that of no image that the requirement is for. */
  | "remap-prefix-unused"
  /** Names with the other prefix are no full references: nothing with the prefix is accepted. */
  | "remap-signed-prefix"
  /** The subject is no e-mail address, though nothing else is compared with it. */
  | "subject-no-email"
  /** registries.d does not let nodes look for the signatures that are demanded. */
  | "attachments-disabled"
  // Keys and certificates.
  /** A path that depends on the working directory of whatever reads the policy. */
  | "path-relative"
  /** No way to read files was given: nothing is known of this one. */
  | "key-unchecked"
  /** It cannot be read. */
  | "key-unreadable"
  /** It is empty, or there is none. */
  | "key-empty"
  /** It holds no key or certificate of the kind needed. */
  | "key-invalid"
  /** It holds a private key. */
  | "private-key"
  /** It holds more than the first key, and only that counts. */
  | "keys-ignored"
  /** It holds certificates that cannot be read, and are passed over. */
  | "certificates-ignored"
  /** Anyone may write it. */
  | "key-writable"
  /** A certificate is past its time. */
  | "certificate-expired"
  /** A certificate's time ends soon. */
  | "certificate-expires"
  /** A certificate's time has not begun. */
  | "certificate-not-yet-valid"
  /** A certificate that cannot have issued others. */
  | "certificate-no-authority";

/** The place of a list of requirements. */
export interface ListPlace {
  readonly transport?: string;
  readonly scope?: string;
  readonly path: string;
}

/** Place of a policy's default. */
export const DEFAULT_PLACE: ListPlace = { path: `$${segment("default")}` };

/** Place of a transport. */
export function transportPlace(transport: string): ListPlace {
  return { transport, path: `$${segment("transports")}${segment(transport)}` };
}

/** Place of a scope. */
export function scopePlace(transport: string, scope: string): ListPlace {
  return { transport, scope, path: transportPlace(transport).path + segment(scope) };
}

/** Place of something within another place. */
export function within(place: ListPlace, ...steps: readonly (string | number)[]): ListPlace {
  return { ...place, path: place.path + steps.map(segment).join("") };
}

/** Takes findings; see {@link LintFinding} for what each field is. */
export type Report = (
  place: ListPlace,
  code: LintCode,
  severity: LintSeverity,
  message: string,
  file?: string,
) => void;
