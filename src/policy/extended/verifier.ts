/**
 * Deciding on images by bundles, beside what the node decides.
 *
 * @module
 */
import { type Digest, isDigest } from "../../core/digest.ts";
import { messageOf } from "../../core/message-of.ts";
import { formatReference, type Reference, referenceName } from "../../core/reference.ts";
import { raceSignal } from "../../core/signal.ts";
import { fetchManifest } from "../../oci/fetch.ts";
import type { ReadStore, ReferrerLister, RepositorySource } from "../../oci/store.ts";
import { PolicyError } from "../errors.ts";
import { parseImageReference } from "../reference.ts";
import { dockerLookup } from "../scope.ts";
import type { Verdict } from "../verdict.ts";
import type { Verifier, VerifyOptions } from "../verifier.ts";
import {
  acceptedStatements,
  type ExtendedResult,
  evaluateBundles,
  type ImageBundle,
} from "./evaluate-bundles.ts";
import { type BundleSearch, fetchBundles } from "./fetch-bundles.ts";
import { type ExtendedRequirement, type OpenedRequirement, openRequirement } from "./requirement.ts";
import { knownMembers } from "./signer-requirement.ts";
import type { VerifiedStatement } from "./statement.ts";
import { loadSigstore } from "./trust-material.ts";

/** What images of a scope must have. */
export interface ExtendedRule {
  /**
   * A bundle is bound to the digest of an image and to no name: whoever may write to the repository may put a signed
   * image of one tag, or of another repository, under another. Writing this says that it is known.
   */
  readonly binding: "digest-only";
  readonly requirement: ExtendedRequirement;
  /**
   * Whether a bundle of the index counts for the images that the index names; nodes never look at one. Default false.
   */
  readonly indexSignatures?: boolean | undefined;
}

/** Options of {@link createExtendedVerifier}. */
export interface ExtendedVerifierOptions extends BundleSearch {
  /** Says what the node says. */
  verifier: Verifier;
  /** Where images and their bundles are: the same as the verifier's. */
  source: RepositorySource<ReadStore & Partial<ReferrerLister>>;
  /** Rules by scope of the docker transport, with `""` for every image; the most specific scope counts, alone. */
  rules: Readonly<Record<string, ExtendedRule>>;
}

/** Options of {@link ExtendedVerifier.evaluate}. */
export interface ExtendedVerifyOptions extends VerifyOptions {
  /** Whether to ask the node alone, or the extended rules besides. */
  dialect: "node" | "extended";
}

/** What was decided. There is no verdict on top of both: which of them counts is the caller's to say. */
export type DialectVerdict = NodeDialectVerdict | ExtendedDialectVerdict;

/** What the node says. */
export interface NodeDialectVerdict {
  readonly dialect: "node";
  readonly node: Verdict;
}

/** What the node says, and what the extended rules say about the same content. */
export interface ExtendedDialectVerdict {
  readonly dialect: "extended";
  readonly node: Verdict;
  readonly extended: ExtendedVerdict;
}

/** What the extended rules say about an image. */
export interface ExtendedVerdict {
  readonly kind: "allowed" | "rejected";
  /** The reference that was decided on, as in the node's verdict. */
  readonly reference: string;
  /** Digest of the image's manifest: the one of the node's verdict. The verdict is about this content and no other. */
  readonly digest: Digest;
  /** Digest of the index, where its bundles counted too. */
  readonly indexDigest?: Digest;
  /** The scope of the rule, or nothing where no rule covers the image. */
  readonly scope?: string;
  /** Every scope that was looked for, in order. */
  readonly candidates: readonly string[];
  /** Where bundles were looked for. */
  readonly sources: readonly BundleSourceReport[];
  /** How the requirement went, absent where no rule covers the image. */
  readonly result?: ExtendedResult;
  /** Statements of accepted bundles; empty unless the image is allowed. What they say is the caller's to judge. */
  readonly statements: readonly VerifiedStatement[];
  /** Why the image is rejected. */
  readonly reason?: string;
}

/** What was found in one place. */
export interface BundleSourceReport {
  readonly name: "referrers";
  readonly subject: Digest;
  /** How many referrers of any kind there are. */
  readonly referrers: number;
  /** How many of them say that they are bundles. */
  readonly found: number;
}

/** Decides on images by bundles, beside what the node decides. */
export interface ExtendedVerifier {
  /**
   * What the node says about an image, and, in the dialect `extended`, what the rules say about the same digest.
   *
   * The node's verdict always comes first; where none can be reached, nothing is decided. Rejects with a
   * {@link PolicyError} as {@link Verifier.evaluate} does, `ERR_POLICY_SIGNATURES` where bundles cannot be had or are
   * too many, and `ERR_POLICY_MANIFEST` where an index is not what its digest says.
   */
  evaluate(
    reference: string | Reference,
    options: ExtendedVerifyOptions & { readonly dialect: "extended" },
  ): Promise<ExtendedDialectVerdict>;
  /** What the node says alone; rejects as {@link Verifier.evaluate} does. */
  evaluate(
    reference: string | Reference,
    options: ExtendedVerifyOptions & { readonly dialect: "node" },
  ): Promise<NodeDialectVerdict>;
  /** As the others, for a dialect that is chosen at run time. */
  evaluate(reference: string | Reference, options: ExtendedVerifyOptions): Promise<DialectVerdict>;
}

interface OpenedRule {
  requirement: OpenedRequirement;
  indexSignatures: boolean;
}

type BundleStore = ReadStore & Partial<ReferrerLister>;

/**
 * A verifier for images with bundles.
 *
 * An image that no rule covers is rejected by the rules, whatever the node says.
 *
 * @throws {TypeError | RangeError} For rules with a mistake in them.
 * @throws {PolicyError} `ERR_POLICY_TRUST_ROOT` for a public key that cannot be read.
 */
export async function createExtendedVerifier(options: ExtendedVerifierOptions): Promise<ExtendedVerifier> {
  const search = ["fallbackTag", "maxReferrers", "maxBundles", "maxTotalBytes"];
  knownMembers(options, ["verifier", "source", "rules", ...search]);
  const { verifier, source, rules: given, ...searching } = options;
  const rules = await openRules(given);

  async function decide(node: Verdict, signal: AbortSignal | undefined): Promise<ExtendedVerdict> {
    const { digest, indexDigest } = node;
    const reference = parseImageReference(node.reference);
    const { identity, namespaces } = dockerLookup(reference);
    const candidates = [...new Set([identity, ...namespaces, ""])];
    const scope = candidates.find((candidate) => rules.has(candidate));
    const rule = scope === undefined ? undefined : rules.get(scope);
    const about = { reference: formatReference(reference), digest, candidates };
    if (scope === undefined || !rule) {
      return { kind: "rejected", ...about, sources: [], statements: [], reason: "no rule covers the image" };
    }
    const store = source.repository(referenceName(reference));
    const bundles: ImageBundle[] = [];
    const sources: BundleSourceReport[] = [];
    const collect = async (subject: Digest): Promise<void> => {
      const found = await fetchBundles(store, subject, { ...searching, signal });
      const needsBytes = found.bundles.some(
        ({ content }) => !(content instanceof PolicyError) && content.content === "message",
      );
      const artifact = needsBytes ? { bytes: await contentOf(store, subject, signal) } : { digest: subject };
      sources.push({
        name: "referrers",
        subject,
        referrers: found.referrers,
        found: found.bundles.length,
      });
      for (const bundle of found.bundles) bundles.push({ ...bundle, subject, artifact });
    };
    await collect(digest);
    const countsIndex = rule.indexSignatures && indexDigest !== undefined;
    if (countsIndex) {
      await assertListed(store, indexDigest, digest, signal);
      await collect(indexDigest);
    }
    const library = await loadSigstore();
    signal?.throwIfAborted();
    const result = await evaluateBundles(library, rule.requirement, bundles, { signal });
    const isMet = result.kind === "met";
    return {
      kind: isMet ? "allowed" : "rejected",
      ...about,
      ...(countsIndex ? { indexDigest } : {}),
      scope,
      sources,
      result,
      statements: isMet ? acceptedStatements(result) : [],
      ...(isMet ? {} : { reason: reasonOf(bundles.length) }),
    };
  }

  async function evaluate(
    reference: string | Reference,
    { dialect, signal, ...choice }: ExtendedVerifyOptions,
  ): Promise<DialectVerdict> {
    if (dialect !== "node" && dialect !== "extended") throw new TypeError("dialect is node or extended");
    const node = await verifier.evaluate(reference, { ...choice, signal });
    if (dialect === "node") return { dialect, node };
    if (!isDigest(node.digest)) throw new TypeError("the verifier gave a verdict about no digest");
    return { dialect, node, extended: await decide(node, signal) };
  }
  return { evaluate: evaluate as ExtendedVerifier["evaluate"] };
}

function reasonOf(bundles: number): string {
  return bundles === 0 ? "the image has no bundle" : "the bundles of the image do not meet the requirement";
}

async function openRules(rules: Readonly<Record<string, ExtendedRule>>): Promise<Map<string, OpenedRule>> {
  if (typeof rules !== "object" || rules === null) throw new TypeError("rules must be given by scope");
  const opened = new Map<string, OpenedRule>();
  for (const [scope, rule] of Object.entries(rules)) {
    knownMembers(rule, ["binding", "requirement", "indexSignatures"]);
    const { binding, requirement, indexSignatures = false } = rule;
    if (binding !== "digest-only") {
      throw new TypeError('a rule must say binding: "digest-only": bundles are bound to no name');
    }
    if (typeof indexSignatures !== "boolean") throw new TypeError("indexSignatures is true or false");
    opened.set(scope, { requirement: await openRequirement(requirement), indexSignatures });
  }
  return opened;
}

/** The bytes of a manifest or index, verified against its digest. */
async function contentOf(
  store: BundleStore,
  digest: Digest,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  return (await verifiedManifest(store, digest, signal)).bytes;
}

async function assertListed(
  store: BundleStore,
  indexDigest: Digest,
  digest: Digest,
  signal: AbortSignal | undefined,
): Promise<void> {
  const index = await verifiedManifest(store, indexDigest, signal);
  if (index.kind === "index" && index.value.manifests.some((entry) => entry.digest === digest)) return;
  throw new PolicyError("ERR_POLICY_MANIFEST", `${indexDigest} is no index with the image ${digest}`);
}

async function verifiedManifest(
  store: BundleStore,
  digest: Digest,
  signal: AbortSignal | undefined,
): Promise<Awaited<ReturnType<typeof fetchManifest>>> {
  try {
    signal?.throwIfAborted();
    const manifest = await raceSignal(fetchManifest(store, digest, { signal }), signal);
    if (manifest.descriptor.digest === digest) return manifest;
  } catch (cause) {
    signal?.throwIfAborted();
    throw new PolicyError("ERR_POLICY_MANIFEST", `reading manifest: ${messageOf(cause)}`, { cause });
  }
  throw new PolicyError("ERR_POLICY_MANIFEST", `Manifest does not match provided manifest digest ${digest}`);
}
