/**
 * What changes for images when one policy takes the place of another.
 *
 * @module
 */
import { isLadingError } from "../../core/errors.ts";
import { messageOf } from "../../core/message-of.ts";
import { raceSignal, type SignalOptions } from "../../core/signal.ts";
import { PolicyError } from "../errors.ts";
import { dockerImage } from "../evaluate.ts";
import { formatPolicy } from "../format.ts";
import { parsePolicy } from "../parse.ts";
import { parseImageReference } from "../reference.ts";
import { type PolicyScope, selectRequirements } from "../scope.ts";
import type { Policy, PolicyRequirement } from "../types.ts";
import { acceptsAnything } from "./scopes.ts";

/** Options of {@link diffPolicies}. */
export interface DiffPoliciesOptions extends SignalOptions {
  /**
   * Decides on an image by one of the two policies, such as a verifier for each does: then verdicts are compared too. It
   * is asked for images with other requirements only.
   */
  evaluate?: EvaluateImage | undefined;
  /** How many evaluations run at once. Default 8. */
  concurrency?: number | undefined;
}

/** Decides on an image. */
export type EvaluateImage = (
  side: "before" | "after",
  reference: string,
  options: SignalOptions,
) => Promise<ComparedVerdict>;

/** What of a verdict is compared; every {@link Verdict} is such. */
export type ComparedVerdict =
  | { readonly kind: "allowed" }
  | { readonly kind: "rejected"; readonly reason: string };

/** What is known of an image's fate by one policy. */
export type ImageOutcome =
  | ComparedVerdict
  /** It depends on signatures, and nobody looked. */
  | { readonly kind: "depends" }
  /** No verdict could be reached. */
  | { readonly kind: "undecided"; readonly error: unknown; readonly reason: string };

/** What one policy has for an image. */
export interface ImageSide {
  readonly scope: PolicyScope;
  readonly requirements: readonly PolicyRequirement[];
  readonly outcome: ImageOutcome;
}

/**
 * What the change means. `looser`: what was refused, or had to meet more, may now be accepted. `stricter`: the other way
 * round. `different`: neither can be said. `scope`: the same requirements, from another scope.
 */
export type PolicyChangeKind = "looser" | "stricter" | "different" | "scope";

/** Images for which the same changes. */
export interface PolicyChange {
  readonly kind: PolicyChangeKind;
  readonly before: ImageSide;
  readonly after: ImageSide;
  /** The requirements that only one of the two has. */
  readonly removed: readonly PolicyRequirement[];
  readonly added: readonly PolicyRequirement[];
  /** In full, in the order given. */
  readonly images: readonly string[];
}

/** The difference between two policies, for some images. */
export interface PolicyDiff {
  /** Grouped, those of most images first. */
  readonly changes: readonly PolicyChange[];
  /** Images of which neither scope nor requirements change. */
  readonly unchanged: readonly string[];
  /** Texts that are no images of the docker transport, and why. */
  readonly invalid: readonly { readonly image: string; readonly error: PolicyError }[];
}

const DEFAULT_CONCURRENCY = 8;

/**
 * For which images of a list the verdict changes, and why, when one policy takes the place of another.
 *
 * Without `evaluate` nothing is fetched: what is compared are the requirements that apply to each image, and the outcome
 * is known only where it does not depend on signatures. Each image is compared once. What an evaluation rejects for makes
 * the outcome `undecided`, which is never `allowed`.
 *
 * @param images References of the docker transport; a bare name gets the tag `latest`.
 * @throws {PolicyError} For a policy made by hand that {@link parsePolicy} would not read.
 * @throws {RangeError} For a `concurrency` below 1.
 */
export async function diffPolicies(
  before: Policy,
  after: Policy,
  images: Iterable<string>,
  { evaluate, concurrency = DEFAULT_CONCURRENCY, signal }: DiffPoliciesOptions = {},
): Promise<PolicyDiff> {
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw new RangeError("concurrency must be a whole number above 0");
  }
  signal?.throwIfAborted();
  for (const policy of [before, after]) {
    parsePolicy(formatPolicy(policy), { maxBytes: Number.MAX_SAFE_INTEGER });
  }
  const unchanged: string[] = [];
  const invalid: { image: string; error: PolicyError }[] = [];
  const changed: Compared[] = [];
  const seen = new Set<string>();
  for (const image of images) {
    const lookup = lookupOf(image);
    if (lookup instanceof PolicyError) {
      invalid.push({ image, error: lookup });
      continue;
    }
    const { reference, ...known } = lookup;
    if (seen.has(reference)) continue;
    seen.add(reference);
    const sides = {
      before: sideOf(before, known.image),
      after: sideOf(after, known.image),
    };
    if (sides.before.text === sides.after.text && sameScope(sides.before.scope, sides.after.scope)) {
      unchanged.push(reference);
    } else changed.push({ reference, ...sides });
  }
  if (evaluate) await evaluateAll(changed, evaluate, concurrency, signal);
  return { changes: grouped(changed), unchanged, invalid };
}

interface Side extends ImageSide {
  /** The requirements as text, to be compared. */
  readonly text: string;
}

interface Compared {
  readonly reference: string;
  before: Side;
  after: Side;
}

function lookupOf(image: string): { reference: string; image: ReturnType<typeof dockerImage> } | PolicyError {
  try {
    const reference = parseImageReference(image);
    const found = dockerImage(reference);
    return { reference: found.lookup.identity, image: found };
  } catch (cause) {
    if (cause instanceof PolicyError) return cause;
    if (!isLadingError(cause)) throw cause;
    return new PolicyError("ERR_POLICY_REFERENCE", cause.message, { cause });
  }
}

function sideOf(policy: Policy, { lookup }: ReturnType<typeof dockerImage>): Side {
  const { scope, requirements } = selectRequirements(policy, lookup);
  const text = formatPolicy({ default: requirements, transports: new Map() });
  return { scope, requirements, text, outcome: knownOutcome(requirements) };
}

/** What is known without looking at signatures. */
function knownOutcome(requirements: readonly PolicyRequirement[]): ImageOutcome {
  if (requirements.length > 0 && acceptsAnything(requirements)) return { kind: "allowed" };
  const refusal = requirements.find(({ type }) => type === "reject" || type === "signedBaseLayer");
  return refusal ? { kind: "rejected", reason: refusal.type } : { kind: "depends" };
}

async function evaluateAll(
  changed: readonly Compared[],
  evaluate: EvaluateImage,
  concurrency: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  // Only what changes the requirements can change the verdict.
  const waiting = changed
    .filter(({ before, after }) => before.text !== after.text)
    .flatMap((compared) => [
      { compared, side: "before" as const },
      { compared, side: "after" as const },
    ]);
  const next = waiting.values();
  const workers = Array.from({ length: Math.min(concurrency, waiting.length) }, async () => {
    for (const { compared, side } of next) {
      signal?.throwIfAborted();
      const outcome = await outcomeOf(evaluate, side, compared.reference, signal);
      compared[side] = { ...compared[side], outcome };
    }
  });
  await Promise.all(workers);
}

async function outcomeOf(
  evaluate: EvaluateImage,
  side: "before" | "after",
  reference: string,
  signal: AbortSignal | undefined,
): Promise<ImageOutcome> {
  try {
    const verdict: ComparedVerdict = await raceSignal(evaluate(side, reference, { signal }), signal);
    if (verdict.kind === "allowed") return { kind: "allowed" };
    if (verdict.kind === "rejected") return { kind: "rejected", reason: verdict.reason };
    throw new TypeError("evaluate gave something other than a verdict");
  } catch (error) {
    signal?.throwIfAborted();
    return { kind: "undecided", error, reason: messageOf(error) };
  }
}

function grouped(changed: readonly Compared[]): PolicyChange[] {
  const groups = new Map<string, Compared[]>();
  for (const compared of changed) {
    const key = JSON.stringify([keyOf(compared.before), keyOf(compared.after)]);
    const group = groups.get(key);
    if (group) group.push(compared);
    else groups.set(key, [compared]);
  }
  const changes = [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first ? [changeOf(first, group)] : [];
  });
  return changes.sort((a, b) => b.images.length - a.images.length);
}

/** What must be equal for two images to be in one group. */
function keyOf({ scope, text, outcome }: Side): unknown {
  return [scope, text, outcome.kind, "reason" in outcome ? outcome.reason : ""];
}

function changeOf({ before, after }: Compared, group: readonly Compared[]): PolicyChange {
  const removed = missingFrom(before.requirements, after.requirements);
  const added = missingFrom(after.requirements, before.requirements);
  return {
    kind: kindOf(before, after, removed, added),
    before: publicSide(before),
    after: publicSide(after),
    removed,
    added,
    images: group.map(({ reference }) => reference),
  };
}

function publicSide({ scope, requirements, outcome }: Side): ImageSide {
  return { scope, requirements, outcome };
}

function kindOf(
  before: Side,
  after: Side,
  removed: readonly PolicyRequirement[],
  added: readonly PolicyRequirement[],
): PolicyChangeKind {
  if (before.text === after.text) return "scope";
  const [from, to] = [before.outcome.kind, after.outcome.kind];
  if (from !== to && (from === "rejected" || to === "allowed")) return "looser";
  if (from !== to && (from === "allowed" || to === "rejected")) return "stricter";
  // What accepts everything adds nothing to a list.
  const loses = removed.some(({ type }) => type !== "insecureAcceptAnything");
  const gains = added.some(({ type }) => type !== "insecureAcceptAnything");
  if (loses && !gains) return "looser";
  if (gains && !loses) return "stricter";
  return "different";
}

/** The requirements of one list that another one does not have. */
function missingFrom(
  requirements: readonly PolicyRequirement[],
  others: readonly PolicyRequirement[],
): PolicyRequirement[] {
  const known = new Set(others.map(textOf));
  return requirements.filter((requirement) => !known.has(textOf(requirement)));
}

function textOf(requirement: PolicyRequirement): string {
  return formatPolicy({ default: [requirement], transports: new Map() });
}

function sameScope(a: PolicyScope, b: PolicyScope): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
