/**
 * Which handler of a node's runtime a Pod is run by.
 *
 * @module
 */
import type { ContainerdRuntime } from "../containerd/cri.ts";
import type { CrioHandler } from "../crio/types.ts";
import type { ContainerdNodeRuntime, CrioRuntime, NodeConfig } from "../node.ts";
import type { Origin } from "../origin.ts";

/** The part of a Pod that decides; a whole Pod object fits. */
export interface HandlerPod {
  metadata?: { annotations?: Readonly<Record<string, string>> | undefined } | undefined;
  spec?:
    | {
        runtimeClassName?: string | null | undefined;
        hostNetwork?: boolean | undefined;
        hostPID?: boolean | undefined;
        hostIPC?: boolean | undefined;
      }
    | undefined;
}

/** What asks for a handler. */
export interface HandlerRequest {
  /** The runtime class that the Pod names. */
  readonly runtimeClass?: string;
  /** What the kubelet sends: empty for the default handler. Absent where the class is not known. */
  readonly requested?: string;
}

/** The handler of a Pod, or why there is none, or none that can be told. */
export type NodeHandler =
  | (HandlerRequest & {
      readonly kind: "found";
      readonly name: string;
      readonly by: "default" | "runtime-class" | "untrusted-workload";
      /** The table of the handler; absent for one that is built in. */
      readonly origin?: Origin;
      readonly handler:
        | ({ readonly runtime: "cri-o" } & CrioHandler)
        | ({ readonly runtime: "containerd" } & ContainerdRuntime);
    })
  /** The Pod does not run. */
  | (HandlerRequest & {
      readonly kind: "none";
      readonly reason:
        | "no-runtime-class"
        | "no-handler"
        | "untrusted-with-handler"
        | "untrusted-with-host-access";
      /** As the daemon puts it; CRI-O lists its handlers behind it. */
      readonly message: string;
    })
  /** The Pod names a runtime class, and those of the cluster were not given. */
  | (HandlerRequest & { readonly kind: "unknown"; readonly message: string });

const UNTRUSTED_ANNOTATION = "io.kubernetes.cri.untrusted-workload";
const UNTRUSTED = "untrusted";

/**
 * The handler that a node's runtime runs a Pod by.
 *
 * The runtime class of the Pod names it, else it is the default one. In containerd the annotation
 * `io.kubernetes.cri.untrusted-workload: "true"` asks for the handler `untrusted`, and refuses every other one and Pods
 * that share namespaces of the node.
 */
export function nodeHandler({ runtime, runtimeClasses }: NodeConfig, pod: HandlerPod): NodeHandler {
  const className = pod.spec?.runtimeClassName || undefined;
  const runtimeClass = className === undefined ? undefined : runtimeClasses?.get(className);
  const named = className === undefined ? {} : { runtimeClass: className };
  if (className !== undefined && !runtimeClasses) {
    const message = `the runtime classes of the cluster are not known, so neither is ${JSON.stringify(className)}`;
    return { kind: "unknown", ...named, message };
  }
  if (className !== undefined && !runtimeClass) {
    const message = `RuntimeClass ${JSON.stringify(className)} not found`;
    return { kind: "none", ...named, reason: "no-runtime-class", message };
  }
  const requested = runtimeClass?.handler ?? "";
  const request = { ...named, requested };
  return runtime.kind === "cri-o" ? ofCrio(runtime, request) : ofContainerd(runtime, request, pod);
}

type Request = HandlerRequest & { readonly requested: string };

function ofCrio({ config }: CrioRuntime, request: Request): NodeHandler {
  const name = request.requested || config.runtime.default_runtime.value;
  const handler = config.runtimes.get(name);
  if (!handler) {
    return {
      kind: "none",
      ...request,
      reason: "no-handler",
      message: `failed to find runtime handler ${name}`,
    };
  }
  return {
    kind: "found",
    ...request,
    name,
    by: request.requested === "" ? "default" : "runtime-class",
    ...(handler.origin ? { origin: handler.origin } : {}),
    handler: { runtime: "cri-o", ...handler },
  };
}

function ofContainerd({ config }: ContainerdNodeRuntime, request: Request, pod: HandlerPod): NodeHandler {
  const { requested } = request;
  const isUntrusted = pod.metadata?.annotations?.[UNTRUSTED_ANNOTATION] === "true";
  if (isUntrusted && requested !== "" && requested !== UNTRUSTED) {
    const message = "untrusted workload with explicit runtime handler is not allowed";
    return { kind: "none", ...request, reason: "untrusted-with-handler", message };
  }
  const { hostNetwork, hostPID, hostIPC } = pod.spec ?? {};
  if (isUntrusted && (hostNetwork || hostPID || hostIPC)) {
    const message = "untrusted workload with host access is not allowed";
    return { kind: "none", ...request, reason: "untrusted-with-host-access", message };
  }
  const name = isUntrusted ? UNTRUSTED : requested || config.defaultRuntime.value;
  const handler = config.runtimes.get(name);
  if (!handler) {
    const message = `no runtime for ${JSON.stringify(name)} is configured`;
    return { kind: "none", ...request, reason: "no-handler", message };
  }
  return {
    kind: "found",
    ...request,
    name,
    by: isUntrusted ? "untrusted-workload" : requested === "" ? "default" : "runtime-class",
    ...(handler.origin ? { origin: handler.origin } : {}),
    handler: { runtime: "containerd", ...handler },
  };
}
