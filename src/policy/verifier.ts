/**
 * Deciding by a policy on images in registries.
 *
 * @module
 */
import { digestOf } from "../core/digest.ts";
import { isLadingError } from "../core/errors.ts";
import { formatReference, type Reference, referenceName, withDefaultTag } from "../core/reference.ts";
import type { SignalOptions } from "../core/signal.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { type SingleFlight, singleFlight } from "../oci/flight.ts";
import type { RepositorySource } from "../oci/store.ts";
import { verdictKeys } from "./cache/cache-key.ts";
import { createKeeper, type KeeperSubject } from "./cache/keeper.ts";
import type { VerdictCacheOptions } from "./cache/verdict-cache.ts";
import { type DecisionRequest, decideOnImage } from "./decision.ts";
import { observedDecision } from "./decision-events.ts";
import { PolicyError } from "./errors.ts";
import { dockerImage, type EvaluateOptions } from "./evaluate.ts";
import { type InstanceChoice, resolveReference } from "./evidence.ts";
import { formatPolicy } from "./format.ts";
import { parsePolicy } from "./parse.ts";
import { parseImageReference } from "./reference.ts";
import type { SignatureSource } from "./sources/signature-source.ts";
import { createTrustFiles, type ReadPolicyFile, type TrustFiles } from "./trust-files.ts";
import { createTrustMemory, type TrustMemory } from "./trust-memory.ts";
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
  /**
   * Where verdicts are kept, and for how long; `false` for nowhere. Default: in memory, allowed images for ten
   * minutes and refusals for five seconds.
   *
   * What is kept counts for the same digest under the same reference, policy, keys, sources and options only, and
   * no longer than the certificates and signatures that it rests on.
   */
  cache?: VerdictCacheOptions | false | undefined;
}

/** Options of {@link Verifier.evaluate}. */
export interface VerifyOptions extends SignalOptions, InstanceChoice {}

/**
 * Decides on images by one policy.
 *
 * Evaluations may run side by side. Those that ask the same at the same time share one piece of work; the signal of
 * one ends its own wait, and the work ends when nobody waits for it.
 */
export interface Verifier {
  /**
   * What the policy says about an image: frozen plain data, which others may have too.
   *
   * The verdict is bound to the digest that the reference had: use the image by that digest, never by resolving the
   * tag again. A tag is resolved in every call; a verdict that was kept is given after that, and for a reference by
   * digest without any look at the registry. An index is not looked at for signatures of its own; one of its images
   * is chosen and checked under the reference of the whole.
   *
   * Rejects with a {@link PolicyError} where no verdict can be reached: `ERR_POLICY_REFERENCE`,
   * `ERR_POLICY_MANIFEST`, `ERR_POLICY_INSTANCE`, `ERR_POLICY_SIGNATURES`, `ERR_POLICY_UNSUPPORTED`. Nothing of
   * that is kept.
   *
   * @param reference The name that the user gave: before mirrors, after completing a short name.
   */
  evaluate(reference: string | Reference, options?: VerifyOptions): Promise<Verdict>;
  /**
   * Reads the files that the policy names anew, from the next evaluation that needs them on: to be called after keys
   * or certificates were rotated, on a signal, by a timer or by `fs.watch`.
   *
   * Until then each file is read once, when the first signature that needs it is about to be checked, and what was
   * read stays as it is. A file that could not be read is tried again by itself. Evaluations under way end with what
   * they began with. Verdicts that rest on other content than the new one are not used again.
   */
  reload(): void;
}

/** Longer than any policy that {@link parsePolicy} reads, when it is written out in full. */
const MAX_POLICY_BYTES = 64 * 1024 * 1024;

/** What is asked, and with which files. */
interface Request extends DecisionRequest {
  readonly subject: KeeperSubject;
  readonly generation: Generation;
}

/** What changes when files are to be read anew. */
interface Generation {
  readonly files: TrustFiles;
  readonly memory: TrustMemory;
  /** By reference. */
  readonly resolutions: SingleFlight<Descriptor>;
  /** By the key of the verdict. */
  readonly decisions: SingleFlight<Verdict>;
}

function newGeneration(readFile: ReadPolicyFile | undefined): Generation {
  return {
    files: createTrustFiles(readFile),
    memory: createTrustMemory(),
    resolutions: singleFlight(),
    decisions: singleFlight(),
  };
}

/**
 * A verifier for images of the docker transport.
 *
 * Policy and list of sources are copied: later changes of either do not count. For another policy make another
 * verifier; they may have the same cache.
 *
 * @throws {PolicyError} For a policy made by hand that {@link parsePolicy} would not read.
 * @throws {RangeError} For a time of `cache` that is negative.
 */
export function createVerifier(given: Policy, options: VerifierOptions): Verifier {
  const {
    source,
    signatureSources: givenSources,
    readFile,
    now = Date.now,
    cache = {},
    ...deciding
  } = options;
  if (!Array.isArray(givenSources)) throw new TypeError("signatureSources must be a list");
  const text = formatPolicy(given);
  const policy = parsePolicy(text, { maxBytes: MAX_POLICY_BYTES });
  const signatureSources = [...givenSources];
  const context = { policy, source, signatureSources, now, options: deciding };
  const keeper = cache === false ? undefined : createKeeper(cache, now);
  const keyOf = verdictKeys({
    policy: digestOf(text),
    source: (cache === false ? undefined : cache.scope) ?? source,
    signatureSources,
    options: deciding,
  });
  let current = newGeneration(readFile);

  async function keptOrNew(request: Request, signal: AbortSignal): Promise<Verdict> {
    const { subject, generation } = request;
    const { files } = generation;
    const fileDigest = async (path: string) => (await files.read(path, signal)).digest;
    const kept = await keeper?.find(subject, fileDigest, signal);
    if (kept && isAbout(kept, subject)) return kept;
    const { verdict, at, restsOn } = await decideOnImage(request, { ...context, ...generation }, signal);
    if (restsOn) keeper?.keep(subject, verdict, at, restsOn);
    return verdict;
  }

  return {
    evaluate: (asked, options = {}) => observedDecision(asked, () => evaluate(asked, options)),
    reload() {
      current = newGeneration(readFile);
    },
  };

  async function evaluate(
    asked: string | Reference,
    { signal, platform, instanceDigest }: VerifyOptions,
  ): Promise<Verdict> {
    signal?.throwIfAborted();
    const reference = readReference(asked);
    // Not every reference is one of this transport, whatever was kept.
    dockerImage(reference);
    const generation = current;
    const name = formatReference(reference);
    const descriptor =
      reference.digest === undefined
        ? await generation.resolutions.run(
            name,
            (until) =>
              resolveReference(source.repository(referenceName(reference)), reference, { signal: until }),
            signal,
          )
        : undefined;
    const digest = descriptor?.digest ?? reference.digest;
    if (digest === undefined) throw new PolicyError("ERR_POLICY_MANIFEST", `${name} has no digest`);
    const choice = { platform, instanceDigest };
    const key = keyOf({ reference: name, digest, choice });
    const subject = { key, reference: name, digest };
    const request = { reference, choice, descriptor, subject, generation };
    return generation.decisions.run(key, (until) => keptOrNew(request, until), signal);
  }
}

/** Whether a verdict that was kept is the one that was asked for, whatever the cache may do. */
function isAbout(verdict: Verdict, { reference, digest }: KeeperSubject): boolean {
  return verdict.reference === reference && (verdict.indexDigest ?? verdict.digest) === digest;
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
