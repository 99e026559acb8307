/**
 * Which decisions about the Pods of a cluster change when a policy takes the place of another.
 *
 * @module
 */
import type { NodeConfig } from "../config/node.ts";
import { isLadingError } from "../core/errors.ts";
import { formatReference, type Reference } from "../core/reference.ts";
import type { SignalOptions } from "../core/signal.ts";
import { createMirroredRegistry } from "../oci/mirrors/mirrored.ts";
import { dockerImage } from "../policy/evaluate.ts";
import { formatPolicy } from "../policy/format.ts";
import { selectRequirements } from "../policy/scope.ts";
import {
  listingOf,
  type SignatureListing,
  type SignatureSource,
} from "../policy/sources/signature-source.ts";
import type { Policy, PolicyRequirement } from "../policy/types.ts";
import type { NodeAnswers, PolicyAnswer } from "./answers.ts";
import { mapConcurrently } from "./concurrent.ts";
import type { ExplainPodOptions } from "./explain-pod.ts";
import { explainImage, type ImageRequest } from "./image.ts";
import {
  type ComparedImage,
  groupChanges,
  IMPACT_SCHEMA,
  type ImpactReport,
  type ImpactSide,
} from "./impact-report.ts";
import { nodeAnswers } from "./node-answers.ts";
import { pinnedSource } from "./pinned-source.ts";
import { type PodSubject, readPod } from "./pod.ts";
import { listedImages } from "./pod-list.ts";

/** A policy, or the policy for each namespace: it is asked for once for each. */
export type ImpactPolicy = Policy | ((namespace: string, options: SignalOptions) => Policy | Promise<Policy>);

/** Options of {@link impact}. */
export interface ImpactOptions extends Omit<ExplainPodOptions, "calls" | "kernel" | "nodeObject"> {
  /** Whose mirrors, short names, keys and places of signatures count. Its own policies do not. */
  node: NodeConfig;
}

/**
 * Which decisions about pulls change, and why, for the Pods of a list when a policy takes the place of another.
 *
 * Each image is looked at once, and only where the two policies have other requirements for it; nothing is asked about
 * the others. What could not be asked is `undecided`, never unchanged. What is checked again when containers are
 * created is not part of it.
 *
 * Rejects with the reason of an abort.
 *
 * @param pods What `kubectl get pods -o json` gives, or an array of Pods.
 * @throws {ExplainError} `ERR_EXPLAIN_POD` for what is no list.
 */
export async function impact(
  pods: unknown,
  before: ImpactPolicy,
  after: ImpactPolicy,
  options: ImpactOptions,
): Promise<ImpactReport> {
  options.signal?.throwIfAborted();
  const answers = nodeAnswers(options.node, options);
  try {
    return await impactBy(pods, before, after, answers, options);
  } finally {
    await answers.close();
  }
}

/** An image under one pair of policies. */
interface Subject {
  readonly image: string;
  readonly before: KnownPolicy;
  readonly after: KnownPolicy;
  readonly pods: string[];
}

/** A policy, with a text that is the same for the same policy. */
interface KnownPolicy {
  readonly policy: Policy;
  readonly text: string;
}

/** As {@link impact}, of whatever answers for the node. */
export async function impactBy(
  pods: unknown,
  before: ImpactPolicy,
  after: ImpactPolicy,
  answers: NodeAnswers,
  options: Omit<ImpactOptions, "node">,
): Promise<ImpactReport> {
  const { signal, concurrency = 8 } = options;
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw new RangeError("concurrency must be a whole number above 0");
  }
  const listed = listedImages(pods);
  const subjects = await subjectsOf(listed.images, before, after, { signal });
  const compared = await mapConcurrently(subjects, concurrency, (subject) =>
    compareImage(subject, answers, options),
  );
  const evaluated = compared.filter((each) => each !== undefined);
  return {
    schema: IMPACT_SCHEMA,
    pods: listed.pods,
    images: new Set(listed.images.map(({ image }) => image)).size,
    evaluated: evaluated.length,
    changes: groupChanges(evaluated),
    unread: listed.unread,
  };
}

async function subjectsOf(
  images: ReturnType<typeof listedImages>["images"],
  before: ImpactPolicy,
  after: ImpactPolicy,
  { signal }: SignalOptions,
): Promise<Subject[]> {
  const policyOf = (side: ImpactPolicy): ((namespace: string) => Promise<KnownPolicy>) => {
    const byNamespace = new Map<string, Promise<KnownPolicy>>();
    const texts = new Map<string, KnownPolicy>();
    const find = async (namespace: string): Promise<KnownPolicy> => {
      const policy = typeof side === "function" ? await side(namespace, { signal }) : side;
      const text = formatPolicy(policy);
      const known = texts.get(text) ?? { policy, text };
      texts.set(text, known);
      return known;
    };
    return (namespace) => {
      const key = typeof side === "function" ? namespace : "";
      const asked = byNamespace.get(key) ?? find(namespace);
      byNamespace.set(key, asked);
      return asked;
    };
  };
  const [beforeOf, afterOf] = [policyOf(before), policyOf(after)];
  const ids = new Map<KnownPolicy, number>();
  const idOf = (policy: KnownPolicy): number => {
    const id = ids.get(policy) ?? ids.size;
    ids.set(policy, id);
    return id;
  };
  const subjects = new Map<string, Subject>();
  for (const { image, namespace, pods } of images) {
    signal?.throwIfAborted();
    const sides = { before: await beforeOf(namespace), after: await afterOf(namespace) };
    const key = JSON.stringify([image, idOf(sides.before), idOf(sides.after)]);
    const subject = subjects.get(key) ?? { image, ...sides, pods: [] };
    for (const name of pods) subject.pods.push(`${namespace}/${name}`);
    subjects.set(key, subject);
  }
  return [...subjects.values()];
}

/** The image by both policies; undefined where they have the same for it. */
async function compareImage(
  { image, before, after, pods }: Subject,
  answers: NodeAnswers,
  options: Omit<ImpactOptions, "node">,
): Promise<ComparedImage | undefined> {
  if (before.text === after.text) return undefined;
  const sides = await differenceOf(image, before.policy, after.policy, answers, options);
  if (!sides) return undefined;
  // What is fetched for one policy serves the other too, and is let go of afterwards.
  const asked = withSharedSignatures(answers);
  const source = pinnedSource(
    createMirroredRegistry(options.registry, {
      sources: (reference, until) => answers.sources(reference, until),
      readCertificate: answers.certificates,
    }),
  );
  const outcomeBy = async ({ policy }: KnownPolicy) => {
    const answer: PolicyAnswer = { kind: "policy", file: "", policy, checkedAtCreate: false, steps: [] };
    const { explanation } = await explainImage(requestOf(image), {
      answers: asked,
      pod: NO_POD,
      platform: options.platform ?? { os: "linux", architecture: "amd64" },
      now: options.now ?? Date.now,
      signal: options.signal,
      source,
      policy: async () => answer,
      verifiers: new Map(),
    });
    return explanation.outcome;
  };
  const outcomes = { before: await outcomeBy(before), after: await outcomeBy(after) };
  return { image, ...outcomes, pods: pods.toSorted(), sides };
}

/** Errors of names that stand for nothing, whatever the policy. */
const NO_NAME: readonly string[] = [
  "ERR_REFERENCE_INVALID",
  "ERR_OCI_NOT_FOUND",
  "ERR_OCI_SHORT_NAME_AMBIGUOUS",
];

/** Scopes and first differing requirements of what an image may mean; undefined where nothing differs. */
async function differenceOf(
  image: string,
  before: Policy,
  after: Policy,
  answers: NodeAnswers,
  { signal }: SignalOptions,
): Promise<ComparedImage["sides"] | undefined> {
  let candidates: readonly Reference[];
  try {
    ({ candidates } = await answers.names(image, { signal }));
  } catch (error) {
    signal?.throwIfAborted();
    if (!isLadingError(error)) throw error;
    // A name that stands for nothing is pulled by neither policy; of any other one that is not known.
    return NO_NAME.includes(error.code) ? undefined : [{ scope: "unknown" }, { scope: "unknown" }];
  }
  for (const candidate of candidates) {
    const { tag, digest, ...name } = candidate;
    const { lookup } = dockerImage(
      digest === undefined ? { ...name, tag: tag ?? "latest" } : { ...name, digest },
    );
    const [a, b] = [selectRequirements(before, lookup), selectRequirements(after, lookup)];
    const texts = [a.requirements.map(textOf), b.requirements.map(textOf)] as const;
    const longest = Math.max(texts[0].length, texts[1].length);
    for (let at = 0; at < longest; at++) {
      if (texts[0][at] !== texts[1][at]) return [sideOf(a, at), sideOf(b, at)];
    }
  }
  return undefined;
}

function sideOf({ scope, requirements }: ReturnType<typeof selectRequirements>, at: number): ImpactSide {
  const requirement = requirements[at];
  return {
    scope: scope.kind === "default" ? "default" : `${scope.transport} ${JSON.stringify(scope.scope)}`,
    ...(requirement ? { requirement } : {}),
  };
}

function textOf(requirement: PolicyRequirement): string {
  return formatPolicy({ default: [requirement], transports: new Map() });
}

function requestOf(image: string): ImageRequest {
  return { image, pullPolicy: "Always", pullPolicyFrom: "pod", usedAs: "container", places: [] };
}

const NO_POD: PodSubject = readPod({ spec: {} });

/** Signatures of an image are listed once, whatever is asked about it. */
function withSharedSignatures(answers: NodeAnswers): NodeAnswers {
  return {
    ...answers,
    // No look-up of credentials is told here, and each would read files.
    credentials: async () => ({ steps: [] }),
    signatureSources: answers.signatureSources.map(listedOnce),
  };
}

function listedOnce({ name, formats, list }: SignatureSource): SignatureSource {
  const known = new Map<string, Promise<SignatureListing>>();
  return {
    name,
    formats,
    list(image, options) {
      const key = JSON.stringify([image.repository, formatReference(image.reference), image.digest]);
      const listed = known.get(key) ?? list(image, options).then((found) => listingOf(name, found));
      known.set(key, listed);
      return listed;
    },
  };
}
