/**
 * What a Pod asks of its runtime handler, and whether the handler has it.
 *
 * A node's files do not tell what a handler can do; the node's status in the cluster does.
 *
 * @see {@link https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.34/#noderuntimehandlerfeatures-v1-core}
 * @module
 */
import type { NodeAnswers } from "./answers.ts";
import { ExplainError } from "./errors.ts";
import { fails, RUNS, undecided } from "./failures.ts";
import { flagIn, listIn, objectIn, objectOf, textIn } from "./fields.ts";
import type { FeatureRequest, PodSubject } from "./pod.ts";
import type { FeatureExplanation, Outcome } from "./trace.ts";

/** What a handler can do. */
export interface HandlerFeatures {
  readonly userNamespaces: boolean;
  readonly recursiveReadOnlyMounts: boolean;
}

/** The first releases that mount images. */
const IMAGE_VOLUMES_SINCE = { "cri-o": [1, 31], containerd: [2, 1] } as const;
/** The first releases with user namespaces as today's kubelets want them. */
const USER_NAMESPACES_SINCE = { "cri-o": [1, 25], containerd: [2, 0] } as const;

/**
 * The handlers of `status.runtimeHandlers` of a Node, by name; the default handler's is empty.
 *
 * @throws {ExplainError} `ERR_EXPLAIN_POD` for what is no Node.
 */
export function readHandlerFeatures(node: unknown): Map<string, HandlerFeatures> {
  const status = objectIn(objectOf(node, "node"), "status", "node") ?? {};
  const handlers = new Map<string, HandlerFeatures>();
  for (const [index, entry] of listIn(status, "runtimeHandlers", "node.status").entries()) {
    const path = `node.status.runtimeHandlers[${index}]`;
    const handler = objectOf(entry, path);
    const features = objectIn(handler, "features", path) ?? {};
    handlers.set(textIn(handler, "name", path) ?? "", {
      userNamespaces: flagIn(features, "userNamespaces", path) ?? false,
      recursiveReadOnlyMounts: flagIn(features, "recursiveReadOnlyMounts", path) ?? false,
    });
  }
  return handlers;
}

/** What a Pod and its containers ask for, each with whether the handler has it. */
export function explainFeatures(
  pod: PodSubject,
  answers: NodeAnswers,
  features: HandlerFeatures | undefined,
): FeatureExplanation[] {
  const asked = [...pod.asks, ...pod.containers.flatMap(({ asks }) => asks)];
  return asked.map(({ feature, path, volume }) => ({
    feature,
    path,
    ...(volume === undefined ? {} : { volume }),
    ...explainFeature({ feature, path, ...(volume === undefined ? {} : { volume }) }, answers, features),
  }));
}

function explainFeature(
  request: FeatureRequest,
  answers: NodeAnswers,
  features: HandlerFeatures | undefined,
): { outcome: Outcome; why: string } {
  const { runtime, version } = answers;
  const release = `${runtime} ${version}`;
  switch (request.feature) {
    case "image-volumes": {
      const since = IMAGE_VOLUMES_SINCE[runtime];
      if (isAtLeast(version, since)) return imageVolumes(answers, `${release} mounts images`);
      const why = `${runtime} mounts images from ${since.join(".")} on`;
      return { outcome: fails("CreateContainerError", `${release} does not mount images`), why };
    }
    case "user-namespaces": {
      if (answers.featureGates.get("UserNamespacesSupport") === false) {
        return {
          outcome: RUNS,
          why: "the kubelet's gate UserNamespacesSupport is off: users are the machine's",
        };
      }
      const since = USER_NAMESPACES_SINCE[runtime];
      const message = "can't use user namespaces: the runtime handler does not support them";
      if (!isAtLeast(version, since)) {
        const why = `${runtime} has user namespaces from ${since.join(".")} on`;
        return { outcome: fails("FailedCreatePodSandBox", message), why };
      }
      return byStatus(features?.userNamespaces, fails("FailedCreatePodSandBox", message));
    }
    case "recursive-read-only-mounts": {
      const volume = JSON.stringify(request.volume ?? "");
      const message = `failed to resolve recursive read-only mode: volume ${volume} requested recursive read-only mode, but it is not supported by the runtime`;
      return byStatus(features?.recursiveReadOnlyMounts, fails("CreateContainerConfigError", message));
    }
  }
}

/** What a kubelet puts in the place of an image that it does not mount is not told anywhere. */
function imageVolumes({ featureGates }: NodeAnswers, why: string): { outcome: Outcome; why: string } {
  if (featureGates.get("ImageVolume") !== false) return { outcome: RUNS, why };
  return notTold(`the kubelet's gate ImageVolume is off: what it mounts instead is not known`);
}

function byStatus(has: boolean | undefined, failure: Outcome): { outcome: Outcome; why: string } {
  if (has === true) return { outcome: RUNS, why: "the handler has it, says the node's status" };
  if (has === false) return { outcome: failure, why: "the handler does not have it, says the node's status" };
  return notTold("a node's files do not tell what the handler can do, nor does a status that was given");
}

function notTold(why: string): { outcome: Outcome; why: string } {
  return { outcome: undecided(new ExplainError("ERR_EXPLAIN_UNKNOWN_FEATURE", why)), why };
}

function isAtLeast(version: string, [major, minor]: readonly [major: number, minor: number]): boolean {
  const [ownMajor = 0, ownMinor = 0] = version.split(".").map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}
