/**
 * Combining requirements: signatures, and what of them must be there together.
 *
 * @module
 */
import { knownMembers, type OpenedSigner, openSigner, type SignerRequirement } from "./signer-requirement.ts";
import { type ContentRequirement, type OpenedContent, openContent } from "./verify-bundle.ts";

/** What an image must have to be allowed. */
export type ExtendedRequirement = SignedRequirement | AnyOf | AllOf | AtLeast;

/** A bundle of somebody, with content of some kind. */
export interface SignedRequirement {
  readonly kind: "signed";
  /** What it is called in the trace. */
  readonly name?: string | undefined;
  readonly signer: SignerRequirement;
  readonly content: ContentRequirement;
}

/** One of the requirements. */
export interface AnyOf {
  readonly kind: "anyOf";
  readonly requirements: readonly ExtendedRequirement[];
}

/** Every requirement; one bundle, or one signer, may meet several of them. */
export interface AllOf {
  readonly kind: "allOf";
  readonly requirements: readonly ExtendedRequirement[];
}

/**
 * So many of the requirements, each by a signer of its own.
 *
 * A signer is an identity (issuer, form and text of the name) or a key, and stands for one requirement at most; so does
 * each requirement, whoever matches its pattern. Two names of one person are two signers.
 */
export interface AtLeast {
  readonly kind: "atLeast";
  readonly count: number;
  readonly requirements: readonly SignedRequirement[];
}

/** A requirement that was checked for mistakes. */
export type OpenedRequirement =
  | OpenedSigned
  | { readonly kind: "anyOf" | "allOf"; readonly requirements: readonly OpenedRequirement[] }
  | { readonly kind: "atLeast"; readonly count: number; readonly requirements: readonly OpenedSigned[] };

/** A signature that is required, opened. */
export interface OpenedSigned {
  readonly kind: "signed";
  readonly name: string | undefined;
  readonly signer: OpenedSigner;
  readonly content: OpenedContent;
}

const MAX_DEPTH = 8;
const MAX_REQUIREMENTS = 64;

/**
 * Checks a requirement, and compiles its patterns.
 *
 * @throws {TypeError} For one that nothing or everything would meet, or with members that do not exist.
 * @throws {RangeError} For more than 64 requirements, more than 8 levels, or a count that cannot be met.
 * @throws {PolicyError} `ERR_POLICY_TRUST_ROOT` for a public key that cannot be read.
 */
export async function openRequirement(requirement: ExtendedRequirement): Promise<OpenedRequirement> {
  const budget = { left: MAX_REQUIREMENTS };
  return open(requirement, 1, budget);
}

interface Budget {
  left: number;
}

async function open(
  requirement: ExtendedRequirement,
  depth: number,
  budget: Budget,
): Promise<OpenedRequirement> {
  if (depth > MAX_DEPTH) throw new RangeError(`requirements of more than ${MAX_DEPTH} levels`);
  switch (requirement?.kind) {
    case "signed":
      return openSigned(requirement, budget);
    case "anyOf":
    case "allOf": {
      knownMembers(requirement, ["kind", "requirements"]);
      const { kind, requirements } = requirement;
      assertSome(requirements);
      const opened: OpenedRequirement[] = [];
      for (const each of requirements) opened.push(await open(each, depth + 1, budget));
      return { kind, requirements: opened };
    }
    case "atLeast": {
      knownMembers(requirement, ["kind", "count", "requirements"]);
      const { kind, count, requirements } = requirement;
      assertSome(requirements);
      if (!Number.isInteger(count) || count < 1 || count > requirements.length) {
        throw new RangeError(`at least ${count} of ${requirements.length} requirements`);
      }
      const opened: OpenedSigned[] = [];
      for (const each of requirements) opened.push(await openSigned(each, budget));
      return { kind, count, requirements: opened };
    }
    default:
      throw new TypeError("a requirement is signed, anyOf, allOf or atLeast");
  }
}

async function openSigned(requirement: SignedRequirement, budget: Budget): Promise<OpenedSigned> {
  if (requirement?.kind !== "signed") throw new TypeError("atLeast counts requirements of kind signed");
  if (--budget.left < 0) throw new RangeError(`more than ${MAX_REQUIREMENTS} requirements`);
  knownMembers(requirement, ["kind", "name", "signer", "content"]);
  const { kind, name, signer, content } = requirement;
  if (name !== undefined && typeof name !== "string") throw new TypeError("a name must be a text");
  return { kind, name, signer: await openSigner(signer), content: openContent(content) };
}

function assertSome(requirements: unknown): void {
  if (Array.isArray(requirements) && requirements.length > 0) return;
  // "All of nothing" would be met by every image.
  throw new TypeError("requirements must be a list with something in it");
}
