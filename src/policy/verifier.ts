/**
 * Deciding by a policy on images in registries.
 *
 * @module
 */
import { isLadingError } from "../core/errors.ts";
import { formatReference, type Reference, referenceName, withDefaultTag } from "../core/reference.ts";
import type { SignalOptions } from "../core/signal.ts";
import type { RepositorySource } from "../oci/store.ts";
import { PolicyError } from "./errors.ts";
import { dockerImage, type EvaluateOptions, evaluateRequirements, needsSignatures } from "./evaluate.ts";
import {
  collectSignatures,
  type InstanceChoice,
  type ReadPolicyFile,
  readTrustFiles,
  resolveImage,
} from "./evidence.ts";
import { formatPolicy } from "./format.ts";
import { criErrorMessage, pullMessage } from "./messages.ts";
import { parsePolicy } from "./parse.ts";
import { parseImageReference } from "./reference.ts";
import { selectRequirements } from "./scope.ts";
import type { SignatureSource } from "./sources/signature-source.ts";
import type { Policy } from "./types.ts";
import type { Verdict } from "./verdict.ts";

/** Options of {@link createVerifier}. */
export interface VerifierOptions extends EvaluateOptions {
  /** Where images are: a registry client, or a test double. */
  source: RepositorySource;
  /**
   * Every place that signatures can be in, in order: {@link sigstoreAttachments}, and whatever else a node's
   * configuration names. There is no default: nodes read attachments only where they are told to, and a
   * verifier that looks in fewer places than the node gives other verdicts.
   */
  signatureSources: readonly SignatureSource[];
  /** Reads the files that the policy names. Without it, requirements that name files are not met. */
  readFile?: ReadPolicyFile | undefined;
  /** The present time in milliseconds since 1970. Default `Date.now`. */
  now?: (() => number) | undefined;
}

/** Options of {@link Verifier.evaluate}. */
export interface VerifyOptions extends SignalOptions, InstanceChoice {}

/** Decides on images by one policy. Evaluations do not influence each other and may run side by side. */
export interface Verifier {
  /**
   * What the policy says about an image.
   *
   * The reference is resolved once, and the verdict is bound to the digest that was found: use the image by
   * that digest, never by resolving the tag again. An index is not looked at for signatures of its own; one of
   * its images is chosen and checked under the reference of the whole.
   *
   * Rejects with a {@link PolicyError} where no verdict can be reached: `ERR_POLICY_REFERENCE`,
   * `ERR_POLICY_MANIFEST`, `ERR_POLICY_INSTANCE`, `ERR_POLICY_SIGNATURES`, `ERR_POLICY_UNSUPPORTED`.
   *
   * @param reference The name that the user gave: before mirrors, after completing a short name.
   */
  evaluate(reference: string | Reference, options?: VerifyOptions): Promise<Verdict>;
}

/** Longer than any policy that {@link parsePolicy} reads, when it is written out in full. */
const MAX_POLICY_BYTES = 64 * 1024 * 1024;

/**
 * A verifier for images of the docker transport.
 *
 * Policy and list of sources are copied: later changes of either do not count.
 *
 * @throws {PolicyError} For a policy made by hand that {@link parsePolicy} would not read.
 */
export function createVerifier(given: Policy, options: VerifierOptions): Verifier {
  const { source, readFile, now = Date.now, requireSignatureVerification } = options;
  if (!Array.isArray(options.signatureSources)) throw new TypeError("signatureSources must be a list");
  const policy = parsePolicy(formatPolicy(given), { maxBytes: MAX_POLICY_BYTES });
  const signatureSources = [...options.signatureSources];
  const completeFormats = signatureSources.flatMap(({ formats }) => formats);
  return {
    async evaluate(text, { signal, platform, instanceDigest } = {}) {
      signal?.throwIfAborted();
      const reference = readReference(text);
      const image = dockerImage(reference);
      const repository = referenceName(reference);
      const store = source.repository(repository);
      const resolved = await resolveImage(store, reference, { platform, instanceDigest }, { signal });
      const { requirements } = selectRequirements(policy, image.lookup);
      const { signatures, reports } = needsSignatures(requirements)
        ? await collectSignatures(
            signatureSources,
            { repository, tag: reference.tag, store, digest: resolved.digest },
            { signal },
          )
        : { signatures: [], reports: [] };
      const file = await readTrustFiles(signatures.length > 0 ? requirements : [], readFile, { signal });
      signal?.throwIfAborted();
      const evaluation = await evaluateRequirements(
        policy,
        image,
        { manifest: resolved.manifest, signatures, completeFormats, file, now: now() / 1000 },
        { requireSignatureVerification },
      );
      const { digest, indexDigest } = resolved;
      const subject = {
        reference: formatReference(reference),
        digest,
        ...(indexDigest === undefined ? {} : { indexDigest }),
        sources: reports,
      };
      if (evaluation.kind === "allowed") return { ...evaluation, ...subject };
      const message = pullMessage(evaluation.reason, indexDigest !== undefined);
      return {
        ...evaluation,
        ...subject,
        message,
        criError: criErrorMessage(message, evaluation.errorClass),
      };
    },
  };
}

/** The reference to decide on: normalized, with a tag or a digest, below a domain. */
function readReference(given: string | Reference): Reference {
  let reference: Reference;
  try {
    // A reference that was made by hand goes through the grammar as well.
    reference = parseImageReference(typeof given === "string" ? given : formatReference(given));
  } catch (cause) {
    if (!isLadingError(cause)) throw cause;
    throw new PolicyError("ERR_POLICY_REFERENCE", cause.message, { cause });
  }
  if (reference.domain === "") {
    throw new PolicyError("ERR_POLICY_REFERENCE", `${formatReference(reference)} names no registry`);
  }
  return withDefaultTag(reference);
}
