/**
 * One decision on one image: evidence is collected, evaluated, and made into a verdict.
 *
 * @module
 */
import type { Digest } from "../core/digest.ts";
import { formatReference, type Reference, referenceName } from "../core/reference.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { RepositorySource } from "../oci/store.ts";
import { frozenCopy } from "./cache/frozen-copy.ts";
import { dockerImage, type EvaluateOptions, evaluateRequirements, needsSignatures } from "./evaluate.ts";
import { collectSignatures, type InstanceChoice, resolveImage, resolveReference } from "./evidence.ts";
import { criErrorMessage, pullMessage } from "./messages.ts";
import { selectRequirements } from "./scope.ts";
import type { SignatureSource } from "./sources/signature-source.ts";
import type { TrustFiles } from "./trust-files.ts";
import type { TrustMemory } from "./trust-memory.ts";
import { requirementPaths } from "./trust-root.ts";
import type { Policy, PolicyRequirement } from "./types.ts";
import type { Evaluation, RequirementResult, Verdict, VerdictSubject } from "./verdict.ts";

/** What is decided on. */
export interface DecisionRequest {
  readonly reference: Reference;
  readonly choice: InstanceChoice;
  /** What the reference names; absent where that is still to be asked. */
  readonly descriptor?: Descriptor | undefined;
}

/** What is decided with. */
export interface DecisionContext {
  readonly policy: Policy;
  readonly source: RepositorySource;
  readonly signatureSources: readonly SignatureSource[];
  readonly files: TrustFiles;
  readonly memory: TrustMemory;
  readonly now: () => number;
  readonly options: EvaluateOptions;
}

/** A verdict, and what must stay as it is for it to hold. */
export interface Decision {
  /** Frozen. */
  readonly verdict: Verdict;
  /** The time that it was decided for, in milliseconds since 1970. */
  readonly at: number;
  /**
   * The files whose content the verdict rests on, with their digests: those of each requirement of which a signature
   * was checked. Absent where one of them could not be read; such a verdict is about the file, not the image.
   */
  readonly restsOn: readonly (readonly [path: string, digest: Digest])[] | undefined;
}

/** Decides on an image; rejects with a {@link PolicyError} where no verdict can be reached. */
export async function decideOnImage(
  { reference, choice, descriptor }: DecisionRequest,
  { policy, source, signatureSources, files, memory, now, options }: DecisionContext,
  signal: AbortSignal,
): Promise<Decision> {
  const image = dockerImage(reference);
  const repository = referenceName(reference);
  const store = source.repository(repository);
  const top = descriptor ?? (await resolveReference(store, reference, { signal }));
  const resolved = await resolveImage(store, reference, top, choice, { signal });
  const { digest, indexDigest, manifest } = resolved;
  const { requirements } = selectRequirements(policy, image.lookup);
  const { signatures, reports } = needsSignatures(requirements)
    ? await collectSignatures(signatureSources, { repository, reference, store, digest }, { signal })
    : { signatures: [], reports: [] };
  signal.throwIfAborted();
  const at = now();
  const completeFormats = signatureSources.flatMap(({ formats }) => formats);
  const file = async (path: string): Promise<Uint8Array> => (await files.read(path, signal)).content;
  const evidence = { manifest, signatures, completeFormats, file, memory, now: at / 1000 };
  const evaluation = await evaluateRequirements(policy, image, evidence, options);
  signal.throwIfAborted();
  const verdict = verdictOf(evaluation, {
    reference: formatReference(reference),
    digest,
    ...(indexDigest === undefined ? {} : { indexDigest }),
    sources: reports,
    decidedAt: at / 1000,
  });
  return { verdict, at, restsOn: consultedFiles(requirements, evaluation.requirements, files) };
}

function verdictOf(evaluation: Evaluation, subject: VerdictSubject): Verdict {
  if (evaluation.kind === "allowed") return frozenCopy({ ...evaluation, ...subject });
  const message = pullMessage(evaluation.reason, subject.indexDigest !== undefined);
  const criError = criErrorMessage(message, evaluation.errorClass);
  return frozenCopy({ ...evaluation, ...subject, message, criError });
}

function consultedFiles(
  requirements: readonly PolicyRequirement[],
  results: readonly RequirementResult[],
  files: TrustFiles,
): Decision["restsOn"] {
  const consulted: [path: string, digest: Digest][] = [];
  for (const [at, { signatures }] of results.entries()) {
    const requirement = requirements[at];
    if (!requirement || signatures.length === 0) continue;
    for (const path of requirementPaths(requirement)) {
      const file = files.known(path);
      if (!file) return undefined;
      consulted.push([path, file.digest]);
    }
  }
  return consulted;
}
