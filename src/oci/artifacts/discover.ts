/**
 * What refers to a manifest, and what refers to that.
 *
 * @see {@link https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers}
 * @module
 */
import { assertLimit } from "../../core/bytes.ts";
import type { Digest } from "../../core/digest.ts";
import type { SignalOptions } from "../../core/signal.ts";
import type { Descriptor } from "../descriptor.ts";
import { OciError } from "../errors.ts";
import type { ReferrerLister, Resolver } from "../store.ts";
import { type ArtifactConvention, conventionOfType } from "./conventions.ts";

/** Options of {@link discoverReferrers}. */
export interface DiscoverReferrersOptions extends SignalOptions {
  /** Only referrers of this artifact type, at the first level. */
  artifactType?: string | undefined;
  /** Levels of referrers that are asked for. Default 8. */
  maxDepth?: number | undefined;
  /** Most referrers altogether. Default 1000. */
  maxReferrers?: number | undefined;
}

/** A referrer with what refers to it. */
export interface ReferrerNode {
  descriptor: Descriptor;
  /** What its type stands for; absent for an unknown one. */
  convention?: ArtifactConvention;
  referrers: ReferrerNode[];
  /** True where the same manifest stands elsewhere in the tree too, and what refers to it is listed there only. */
  repeated?: true;
}

/** What {@link discoverReferrers} gives. */
export interface ReferrerTree {
  subject: Descriptor;
  referrers: ReferrerNode[];
}

/**
 * The tree of what refers to a manifest or index.
 *
 * Only descriptors are read: whether a referrer is what it says, and really names its subject, is not verified.
 *
 * @param subject A tag, a digest as text, or a descriptor.
 * @throws {OciError} `ERR_OCI_LIST_TOO_LONG` over the limits; and as the store.
 */
export async function discoverReferrers(
  store: ReferrerLister & Resolver,
  subject: string | Descriptor,
  { artifactType, maxDepth = 8, maxReferrers = 1000, signal }: DiscoverReferrersOptions = {},
): Promise<ReferrerTree> {
  assertLimit(maxDepth, "maxDepth");
  assertLimit(maxReferrers, "maxReferrers");
  const root = typeof subject === "string" ? await store.resolve(subject, { signal }) : subject;
  const seen = new Set<Digest>([root.digest]);
  const tree: ReferrerTree = { subject: root, referrers: [] };
  let count = 0;
  let level: { descriptor: Descriptor; referrers: ReferrerNode[] }[] = [
    { descriptor: root, referrers: tree.referrers },
  ];
  for (let depth = 0; level.length > 0; depth++) {
    const next: ReferrerNode[] = [];
    for (const { descriptor: about, referrers } of level) {
      const filter = depth === 0 ? artifactType : undefined;
      for await (const descriptor of store.referrers(about, { artifactType: filter, signal })) {
        if (depth >= maxDepth) throw tooLong(`referrers of more than ${maxDepth} levels`);
        count++;
        if (count > maxReferrers) throw tooLong(`more than ${maxReferrers} referrers`);
        const node = nodeOf(descriptor);
        referrers.push(node);
        // A digest cannot name itself, but a registry can claim anything.
        if (seen.has(descriptor.digest)) node.repeated = true;
        else next.push(node);
        seen.add(descriptor.digest);
      }
    }
    level = next;
  }
  return tree;
}

function nodeOf(descriptor: Descriptor): ReferrerNode {
  const { artifactType } = descriptor;
  const convention = artifactType === undefined ? undefined : conventionOfType(artifactType);
  return { descriptor, ...(convention ? { convention } : {}), referrers: [] };
}

function tooLong(message: string): OciError {
  return new OciError("ERR_OCI_LIST_TOO_LONG", message);
}
