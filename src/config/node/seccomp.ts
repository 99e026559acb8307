/**
 * What of a node decides about seccomp.
 *
 * @module
 */
import type { KubeletSeccomp } from "../../seccomp/pod.ts";
import type { ContainerdSeccompNode } from "../../seccomp/resolve-containerd.ts";
import type { CrioSeccompNode } from "../../seccomp/resolve-crio.ts";
import { containerdSeccompNode } from "../containerd/parse.ts";
import { crioSeccompNode } from "../crio/use.ts";
import type { NodeConfig } from "../node.ts";

/** What `resolveSeccomp` takes of a node; see {@link nodeProfiles} for the files that its choice names. */
export interface NodeSeccomp {
  readonly runtime: CrioSeccompNode | ContainerdSeccompNode;
  readonly kubelet: KubeletSeccomp;
}

/**
 * What decides about the profiles of Pods of a handler on a node.
 *
 * Whether the node's kernel has seccomp is not told by files: it is taken to have it.
 *
 * @param handler As `nodeHandler` names it; empty for the default one.
 * @throws {RangeError} If the runtime has no such handler: it does not make the Pod.
 */
export function nodeSeccomp({ runtime, kubelet }: NodeConfig, handler: string): NodeSeccomp {
  return {
    runtime: runtime.kind === "cri-o" ? crioSeccompNode(runtime.config, handler) : ofContainerd(),
    kubelet: { seccompDefault: kubelet.seccompDefault.value, seccompRoot: kubelet.seccompRoot.value },
  };

  function ofContainerd(): ContainerdSeccompNode {
    if (runtime.kind !== "containerd") throw new TypeError("runtime.kind must be cri-o or containerd");
    const { config } = runtime;
    const name = handler === "" ? config.defaultRuntime.value : handler;
    if (!config.runtimes.has(name)) throw new RangeError(`no runtime handler ${JSON.stringify(name)}`);
    return containerdSeccompNode(config);
  }
}
