/**
 * What becomes of one image: from the name as it is written to the digest that a container is made from.
 *
 * @module
 */
import { isLadingError } from "../core/errors.ts";
import { formatReference, parseReference, type Reference, withDefaultTag } from "../core/reference.ts";
import { createReference } from "../policy/crio.ts";
import { fails, pullFailure, RUNS, undecided, worst } from "./failures.ts";
import { asPulled } from "./pinned-source.ts";
import type { PodImage, PullPolicy } from "./pod-images.ts";
import { createOutcome, explainVerdict, fileOf, verifierFor } from "./policy-step.ts";
import { explainPull, type PulledImage, type PullOptions } from "./pull.ts";
import type { CreateExplanation, ImageExplanation, Outcome } from "./trace.ts";

/** One image, however often a Pod names it. */
export interface ImageRequest {
  readonly image: string;
  readonly pullPolicy: PullPolicy;
  readonly pullPolicyFrom: "pod" | "tag";
  readonly usedAs: PodImage["kind"];
  readonly places: readonly string[];
}

/** An explanation, with the image that came of it. */
export interface ExplainedImage {
  readonly explanation: ImageExplanation;
  readonly pulled?: PulledImage;
}

/** The distinct images of a Pod, in the order in which they are first named. */
export function imageRequests(images: readonly PodImage[]): ImageRequest[] {
  const requests = new Map<string, ImageRequest & { places: string[] }>();
  for (const { kind, image, path, pullPolicy: written } of images) {
    const pullPolicy = written ?? defaultPullPolicy(image);
    const key = JSON.stringify([image, pullPolicy]);
    const known = requests.get(key);
    if (known) known.places.push(path);
    else {
      const pullPolicyFrom = written === undefined ? "tag" : "pod";
      requests.set(key, { image, pullPolicy, pullPolicyFrom, usedAs: kind, places: [path] });
    }
  }
  return [...requests.values()];
}

/** What the API server fills in: images of the tag `latest`, or of none, are pulled again each time. */
function defaultPullPolicy(image: string): PullPolicy {
  const reference = parsed(image);
  if (!(reference instanceof Error) && reference.digest !== undefined) return "IfNotPresent";
  return !(reference instanceof Error) && (reference.tag ?? "latest") !== "latest"
    ? "IfNotPresent"
    : "Always";
}

/**
 * What becomes of an image, decided as for a pull now: what the node may have of it already is not known.
 *
 * Rejects with the reason of an abort, and with what is no error of lading.
 */
export async function explainImage(request: ImageRequest, options: PullOptions): Promise<ExplainedImage> {
  const { image } = request;
  const reference = parsed(image);
  if (reference instanceof Error) {
    const message = `Failed to apply default image tag ${JSON.stringify(image)}: ${reference.message}`;
    return { explanation: { outcome: fails("InvalidImageName", message), ...request, pulls: [] } };
  }
  const known = { ...request, reference: formatReference(withDefaultTag(reference)) };
  const { answers, signal } = options;
  let name: Awaited<ReturnType<typeof answers.names>>;
  try {
    name = await answers.names(image, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    return { explanation: { outcome: nameFailure(error), ...known, pulls: [] } };
  }
  const { by, origin, candidates } = name;
  const explained = {
    ...known,
    name: {
      by,
      ...(origin === undefined ? {} : { origin }),
      candidates: candidates.map(formatReference),
    },
  };
  const tried = await tryCandidates(image, candidates, options);
  const { pulls, outcome, pulled } = tried;
  const absent = neverPulled(request);
  if (!pulled) {
    return { explanation: { outcome: worst([absent, outcome]), ...explained, pulls } };
  }
  const create = await explainCreate(image, pulled, options);
  const { digest, indexDigest } = pulled;
  const explanation = {
    outcome: worst([absent, outcome, create.outcome]),
    ...explained,
    pulls,
    digest,
    ...(indexDigest === undefined ? {} : { indexDigest }),
    create,
  };
  return { explanation, pulled };
}

/** Candidates in order, up to the first that is pulled or of which nobody can say whether it is. */
async function tryCandidates(
  image: string,
  candidates: readonly Reference[],
  options: PullOptions,
): Promise<{ pulls: ImageExplanation["pulls"]; outcome: Outcome; pulled?: PulledImage }> {
  const pulls: ImageExplanation["pulls"][number][] = [];
  let outcome: Outcome = fails("ErrImagePull", "the name stands for no image");
  for (const candidate of candidates) {
    const { explanation, pulled } = await explainPull(image, candidate, options);
    pulls.push(explanation);
    outcome = explanation.outcome;
    if (pulled) return { pulls, outcome, pulled };
    if (outcome.kind === "undecided") break;
  }
  return { pulls, outcome };
}

function nameFailure(error: unknown): Outcome {
  if (!isLadingError(error)) throw error;
  const isCertain = error.code === "ERR_OCI_NOT_FOUND" || error.code === "ERR_OCI_SHORT_NAME_AMBIGUOUS";
  if (isCertain || error.code === "ERR_REFERENCE_INVALID") return fails("ErrImagePull", error.message);
  return undecided(error);
}

/** The kubelet does not pull: what runs is what is there, if anything is. */
function neverPulled({ pullPolicy, image }: ImageRequest): Outcome {
  if (pullPolicy !== "Never") return RUNS;
  return {
    kind: "undecided",
    code: "ERR_EXPLAIN_LOCAL_IMAGE",
    message: `${JSON.stringify(image)} is never pulled, and whether the node has it is not known`,
  };
}

/** What is checked when a container is created. The policy of a namespace is asked by the name in the Pod. */
async function explainCreate(
  image: string,
  pulled: PulledImage,
  options: PullOptions,
): Promise<CreateExplanation> {
  const { policy } = pulled;
  if (policy.kind === "none") return { outcome: RUNS, why: policy.why };
  if (policy.kind === "programs") return { outcome: RUNS, why: "programs are asked at the pull only" };
  if (!policy.checkedAtCreate) {
    return { outcome: RUNS, why: "under the system's own policy images are checked at the pull only" };
  }
  const why =
    "a policy with a path of its own is in force: the image is checked again by the name in the Pod";
  const file = fileOf(policy);
  try {
    const { signal, platform } = options;
    const reference = createReference(image);
    const source = asPulled(pulled.repository, pulled.target);
    const asked = { signal, platform, instanceDigest: pulled.digest };
    const verdict = await verifierFor(policy, source, options).evaluate(reference, asked);
    return { outcome: createOutcome(verdict, reference), why, policy: explainVerdict(verdict, file) };
  } catch (error) {
    options.signal?.throwIfAborted();
    const failure = pullFailure(error);
    if (failure.kind === "runs") throw error;
    const { message } = failure;
    const outcome = failure.kind === "fails" ? fails("CreateContainerError", message) : failure;
    const code = isLadingError(error) ? error.code : "";
    return { outcome, why, policy: { kind: "undecided", code, message, ...file } };
  }
}

function parsed(image: string): Reference | Error {
  try {
    return parseReference(image);
  } catch (error) {
    if (!isLadingError(error)) throw error;
    return error;
  }
}
