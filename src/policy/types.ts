/**
 * What a containers-policy.json says, after reading.
 *
 * The combinations that the format refuses cannot be written down in these types: a Fulcio requirement always
 * has a Rekor key, a PKI requirement never.
 *
 * @see {@link https://github.com/podman-container-tools/container-libs/blob/9869b8fd/image/docs/containers-policy.json.5.md}
 * @module
 */

/** A policy: which requirements an image must meet, by transport and scope. */
export interface Policy {
  /** Requirements of an image that no scope covers. */
  readonly default: readonly PolicyRequirement[];
  /** Transport name to scope to requirements. The scope `""` covers the whole transport. */
  readonly transports: ReadonlyMap<string, ReadonlyMap<string, readonly PolicyRequirement[]>>;
}

/** One requirement. An image must meet every requirement of its list. */
export type PolicyRequirement = InsecureAcceptAnything | Reject | SignedBy | SignedBaseLayer | SigstoreSigned;

/** Every image meets it. */
export interface InsecureAcceptAnything {
  readonly type: "insecureAcceptAnything";
}

/** No image meets it. */
export interface Reject {
  readonly type: "reject";
}

/** An OpenPGP simple-signing signature by one of the keys. */
export interface SignedBy {
  readonly type: "signedBy";
  /** Only `GPGKeys` can be met; the others are part of the format and fail when a signature is checked. */
  readonly keyType: SignedByKeyType;
  /** Each entry is a keyring. An empty list can be read, and is never met. */
  readonly keys: KeySource;
  readonly signedIdentity: SignedIdentity;
}

/** Kinds of key that the format names. */
export type SignedByKeyType = "GPGKeys" | "signedByGPGKeys" | "X509Certificates" | "signedByX509CAs";

/** Part of the format, never implemented by anyone: no image meets it. */
export interface SignedBaseLayer {
  readonly type: "signedBaseLayer";
  readonly baseLayerIdentity: SignedIdentity;
}

/** A sigstore signature, made the way cosign makes them up to version 2. */
export interface SigstoreSigned {
  readonly type: "sigstoreSigned";
  readonly trust: SigstoreTrust;
  readonly signedIdentity: SignedIdentity;
}

/** Whose sigstore signature counts. */
export type SigstoreTrust = KeyTrust | FulcioTrust | PkiTrust;

/** One of the public keys made it; with `rekor`, the log also has it. */
export interface KeyTrust {
  readonly kind: "keys";
  /** Each entry is a PEM file of which the first block counts. */
  readonly keys: KeySource;
  readonly rekor?: KeySource;
}

/** A key that Fulcio certified for an e-mail address made it, while the certificate was valid by the log. */
export interface FulcioTrust {
  readonly kind: "fulcio";
  /** Every certificate in it is a trust anchor. */
  readonly ca: DataSource;
  /** Compared exactly. */
  readonly oidcIssuer: string;
  /** Compared exactly, letter case included. */
  readonly subjectEmail: string;
  readonly rekor: KeySource;
}

/** A key that a certificate authority certified for a subject made it, and the certificate is valid now. */
export interface PkiTrust {
  readonly kind: "pki";
  /** Every certificate in it is a trust anchor. */
  readonly caRoots: DataSource;
  readonly caIntermediates?: DataSource;
  /** Compared exactly. At least one of the two is there, and both must hold where both are. */
  readonly subjectEmail?: string;
  /** Compared by the rules for TLS host names. */
  readonly subjectHostname?: string;
}

/** Where bytes come from: a path, relative to the working directory, or the policy itself. */
export type DataSource =
  | { readonly kind: "path"; readonly path: string }
  | { readonly kind: "data"; readonly data: Uint8Array };

/** Where keys come from: one or several of either kind. */
export type KeySource =
  | DataSource
  | { readonly kind: "paths"; readonly paths: readonly string[] }
  | { readonly kind: "datas"; readonly datas: readonly Uint8Array[] };

/** Which identity a signature must claim for the image. */
export type SignedIdentity =
  | MatchExact
  | MatchRepoDigestOrExact
  | MatchRepository
  | ExactReference
  | ExactRepository
  | RemapIdentity;

/** The reference of the image, tag and digest included. */
export interface MatchExact {
  readonly type: "matchExact";
}

/** As {@link MatchExact}, except that an image named by digest needs only the repository. The default. */
export interface MatchRepoDigestOrExact {
  readonly type: "matchRepoDigestOrExact";
}

/** The repository of the image, whatever the tag or digest. */
export interface MatchRepository {
  readonly type: "matchRepository";
}

/** This reference, whatever the image is called. */
export interface ExactReference {
  readonly type: "exactReference";
  /** As written in the policy; has a tag or a digest. */
  readonly dockerReference: string;
}

/** This repository, whatever the image is called. */
export interface ExactRepository {
  readonly type: "exactRepository";
  /** As written in the policy; a tag or digest in it is ignored. */
  readonly dockerRepository: string;
}

/** As {@link MatchRepoDigestOrExact}, after replacing a prefix of the image's name. */
export interface RemapIdentity {
  readonly type: "remapIdentity";
  readonly prefix: string;
  readonly signedPrefix: string;
}
