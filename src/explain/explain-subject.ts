/**
 * The steps of an explanation, in the order in which a node takes them.
 *
 * @module
 */
import { formatPlatform, type Platform } from "../core/platform.ts";
import type { SignalOptions } from "../core/signal.ts";
import { parseManifest } from "../oci/manifest.ts";
import { createMirroredRegistry, type EndpointRegistry } from "../oci/mirrors/mirrored.ts";
import type { HandlerAnswer, NodeAnswers, SeccompAnswer } from "./answers.ts";
import { mapConcurrently } from "./concurrent.ts";
import { ExplainError } from "./errors.ts";
import { fails, problemsOf, pullFailure, RUNS, undecided, worst } from "./failures.ts";
import { explainFeatures, type HandlerFeatures, readHandlerFeatures } from "./features.ts";
import { type ExplainedImage, explainImage, imageRequests } from "./image.ts";
import { pinnedSource } from "./pinned-source.ts";
import type { PodSubject, SubjectContainer } from "./pod.ts";
import type { PulledImage, PullOptions } from "./pull.ts";
import { explainSeccomp } from "./seccomp.ts";
import {
  type ContainerExplanation,
  EXPLANATION_SCHEMA,
  type FeatureExplanation,
  type Outcome,
  type PodExplanation,
} from "./trace.ts";

/** What every explanation takes. */
export interface ExplainOptions extends SignalOptions {
  /**
   * Asks registries and mirrors. Whom it says it is decides what it is shown: see `nodeCredentials` for the
   * credentials that the node itself has.
   */
  registry: EndpointRegistry;
  /** The node's platform. Default `linux/amd64`; it is part of the trace. */
  platform?: Platform | undefined;
  /** The node's kernel release. Default `6.1.0`; what profiles look at came long before. */
  kernel?: string | undefined;
  /** Names of system calls: the trace says for each container what becomes of them. Default none. */
  calls?: readonly string[] | undefined;
  /** The Node object of the cluster, for what its handlers can do: a node's files do not tell. */
  nodeObject?: unknown;
  /** The present time in milliseconds since 1970, for certificates and keys. Default `Date.now`. */
  now?: (() => number) | undefined;
  /** Images that are asked for at once. Default 8. */
  concurrency?: number | undefined;
}

/** What a node decides about a Pod that was checked, with whatever answers for the node. */
export async function explainSubject(
  pod: PodSubject,
  answers: NodeAnswers,
  options: ExplainOptions,
): Promise<PodExplanation> {
  const { signal, calls = [], kernel = "6.1.0", concurrency = 8, now = Date.now } = options;
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw new RangeError("concurrency must be a whole number above 0");
  }
  const platform = options.platform ?? { os: "linux", architecture: "amd64" };
  const byHandler = options.nodeObject === undefined ? undefined : readHandlerFeatures(options.nodeObject);
  const { outcome: sandbox, answer: handler } = await handlerOf(pod, answers, { signal });
  const name = handler?.kind === "handler" ? handler.name : undefined;
  const features = explainFeatures(
    pod,
    answers,
    handler?.kind === "handler" ? featuresOf(byHandler, handler) : undefined,
  );

  const ofContainers = Map.groupBy(features, ({ path }) => path.slice(0, path.indexOf("]") + 1));

  const mirrored = createMirroredRegistry(options.registry, {
    sources: (reference, until) => answers.sources(reference, until),
    readCertificate: answers.certificates,
  });
  const pulling: PullOptions = {
    answers,
    pod,
    platform,
    now,
    signal,
    source: pinnedSource(mirrored),
    policy: once(() => answers.policy(pod.namespace, { signal })),
    decryption: once(() => answers.decryption({ signal })),
    verifiers: new Map(),
  };
  const requests = imageRequests(pod.images);
  const images = await mapConcurrently(requests, concurrency, (each) => explainImage(each, pulling));
  const byPath = new Map<string, ExplainedImage>();
  for (const image of images) for (const place of image.explanation.places) byPath.set(place, image);

  const seccomp = name === undefined ? undefined : await seccompOf(name, answers, { signal });
  const containers = await mapConcurrently(pod.containers, concurrency, (container) =>
    explainContainer(container, {
      ...pulling,
      sandbox,
      image: byPath.get(`${container.path}.image`),
      features: ofContainers,
      seccomp,
      kernel,
      calls,
    }),
  );
  const sandboxPath = pod.runtimeClassName === undefined ? "spec" : "spec.runtimeClassName";
  const problems = problemsOf([
    [sandboxPath, sandbox],
    ...features.map(({ path, outcome }) => [path, outcome] as const),
    ...images.flatMap(({ explanation: { places, outcome } }) =>
      places.map((place) => [place, outcome] as const),
    ),
    ...containers.map(({ own, explanation: { path } }) => [path, own] as const),
  ]);
  return {
    schema: EXPLANATION_SCHEMA,
    kind: worst(problems).kind,
    problems,
    pod: { namespace: pod.namespace, name: pod.name },
    node: {
      runtime: answers.runtime,
      version: answers.version,
      platform: formatPlatform(platform),
      kernel,
      ...(answers.doubts.length === 0 ? {} : { doubts: answers.doubts }),
    },
    handler: {
      outcome: sandbox,
      ...(name === undefined ? {} : { name }),
      steps: handler?.steps ?? [],
    },
    features,
    images: images.map(({ explanation }) => explanation),
    containers: containers.map(({ explanation }) => explanation),
  };
}

async function handlerOf(
  pod: PodSubject,
  answers: NodeAnswers,
  { signal }: SignalOptions,
): Promise<{ outcome: Outcome; answer?: HandlerAnswer }> {
  try {
    const answer = await answers.handler(pod, { signal });
    if (answer.kind === "handler") return { outcome: RUNS, answer };
    if (answer.kind === "unknown") {
      return { outcome: undecided(new ExplainError("ERR_EXPLAIN_RUNTIME_CLASS", answer.message)), answer };
    }
    return { outcome: fails("FailedCreatePodSandBox", answer.message), answer };
  } catch (error) {
    signal?.throwIfAborted();
    return { outcome: undecided(error) };
  }
}

function featuresOf(
  byHandler: ReadonlyMap<string, HandlerFeatures> | undefined,
  { name, isDefault }: Extract<HandlerAnswer, { kind: "handler" }>,
): HandlerFeatures | undefined {
  return (isDefault ? byHandler?.get("") : undefined) ?? byHandler?.get(name);
}

type KnownSeccomp = { kind: "known"; answer: SeccompAnswer } | { kind: "unknown"; outcome: Outcome };

async function seccompOf(
  handler: string,
  answers: NodeAnswers,
  { signal }: SignalOptions,
): Promise<KnownSeccomp> {
  try {
    return { kind: "known", answer: await answers.seccomp(handler, { signal }) };
  } catch (error) {
    signal?.throwIfAborted();
    return { kind: "unknown", outcome: undecided(error) };
  }
}

interface ContainerOptions extends PullOptions {
  readonly sandbox: Outcome;
  readonly image: ExplainedImage | undefined;
  /** By path of the container that asks for them. */
  readonly features: ReadonlyMap<string, readonly FeatureExplanation[]>;
  /** Absent where there is no handler. */
  readonly seccomp: KnownSeccomp | undefined;
  readonly kernel: string;
  readonly calls: readonly string[];
}

/** A container with what it itself fails for, and everything that keeps it from starting. */
async function explainContainer(
  container: SubjectContainer,
  options: ContainerOptions,
): Promise<{ own: Outcome; explanation: ContainerExplanation }> {
  const { kind, name, path } = container;
  const { sandbox, image, features, seccomp } = options;
  const asked = features.get(path) ?? [];
  const before = [sandbox, ...asked.map(({ outcome }) => outcome)];
  const about = { kind, name, path };
  if (!image) {
    const own = fails("InvalidImageName", "the container has no image");
    return { own, explanation: { outcome: worst([...before, own]), ...about } };
  }
  before.push(image.explanation.outcome);
  if (!seccomp || !image.pulled) return { own: RUNS, explanation: { outcome: worst(before), ...about } };
  if (seccomp.kind === "unknown") {
    return { own: seccomp.outcome, explanation: { outcome: worst([...before, seccomp.outcome]), ...about } };
  }
  const { outcome: own, explanation } = await seccompStep(container, image.pulled, seccomp.answer, options);
  const outcome = worst([...before, own]);
  return { own, explanation: { outcome, ...about, ...(explanation ? { seccomp: explanation } : {}) } };
}

async function seccompStep(
  container: SubjectContainer,
  pulled: PulledImage,
  seccomp: SeccompAnswer,
  { kernel, calls, ...pulling }: ContainerOptions,
): ReturnType<typeof explainSeccomp> {
  let imageAnnotations: Record<string, string>;
  try {
    imageAnnotations = await annotationsOf(pulled, seccomp, pulling);
  } catch (error) {
    pulling.signal?.throwIfAborted();
    return { outcome: pullFailure(error) };
  }
  return await explainSeccomp(container, { ...pulling, seccomp, imageAnnotations, kernel, calls });
}

/** Annotations of the manifest of a pulled image; runtimes other than CRI-O do not look at them. */
async function annotationsOf(
  { repository, digest }: PulledImage,
  { runtime }: SeccompAnswer,
  { signal }: SignalOptions,
): Promise<Record<string, string>> {
  if (runtime.kind !== "cri-o") return {};
  const { descriptor, bytes } = await repository.readManifest(digest, { signal });
  return parseManifest(bytes, descriptor.mediaType).value.annotations ?? {};
}

/** A promise that is made when it is first asked for. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
