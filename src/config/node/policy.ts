/**
 * Which policy decides about the images of a namespace on a node.
 *
 * @module
 */
import type { SignalOptions } from "../../core/signal.ts";
import { namespacePolicyPath } from "../../policy/crio.ts";
import { loadPolicyForNamespace, policySearchPaths } from "../../policy/load.ts";
import type { Policy } from "../../policy/types.ts";
import { crioPolicyOptions } from "../crio/use.ts";
import type { NodeConfig } from "../node.ts";
import type { Origin } from "../origin.ts";
import { crioUser } from "./crio-user.ts";
import { danglingLink, readExisting } from "./file-access.ts";

/** A file that could have decided. */
export interface PolicyCandidate {
  readonly path: string;
  /** What names it: CRI-O's options, or the search for the system's own policy. */
  readonly by: "signature_policy_dir" | "signature_policy" | "system";
  /** Where the option stands; absent for a default and for the search. */
  readonly origin?: Origin;
  /**
   * `outranked`: not looked at, since an earlier one decides. `dangling`: missing, since a link on the way leads nowhere;
   * of a copied part of a node's files that does not say that the node has none.
   */
  readonly outcome: "chosen" | "missing" | "dangling" | "outranked";
}

/** The policy for a namespace. */
export type NodePolicy =
  | {
      readonly kind: "policy";
      readonly path: string;
      readonly policy: Policy;
      /** Whether images are checked again when a container is made: not under the system's own policy. */
      readonly checkedAtCreate: boolean;
      /** In the order in which they count. */
      readonly candidates: readonly PolicyCandidate[];
    }
  /** containerd has no policy. What its image verifiers refuse is not told by files. */
  | { readonly kind: "none"; readonly runtime: "containerd" };

/**
 * The policy that a node applies to Pods of a namespace, with the files that lost to it.
 *
 * @param namespace Empty where no Pod is known: a namespace's own policy does not count then.
 * @throws {PolicyError} `ERR_POLICY_FILE` where CRI-O finds no policy or cannot read the one that decides, and as
 * `parsePolicy`: no image of the namespace can be pulled then.
 * @throws {TypeError} For a namespace that is no DNS label.
 */
export async function nodePolicy(
  { runtime, files }: NodeConfig,
  namespace: string,
  { signal }: SignalOptions = {},
): Promise<NodePolicy> {
  signal?.throwIfAborted();
  if (runtime.kind === "containerd") return { kind: "none", runtime: "containerd" };
  const { image } = runtime.config;
  const { env } = crioUser(runtime);
  const places: Omit<PolicyCandidate, "outcome">[] = [];
  if (namespace !== "") {
    const path = namespacePolicyPath(namespace, image.signature_policy_dir.value);
    places.push({ path, by: "signature_policy_dir", ...originOf(image.signature_policy_dir) });
  }
  const own = image.signature_policy.value;
  if (own !== "") places.push({ path: own, by: "signature_policy", ...originOf(image.signature_policy) });
  for (const path of policySearchPaths({ env })) places.push({ path, by: "system" });

  const options = { ...crioPolicyOptions(runtime.config), env, readFile: readExisting(files), signal };
  const { path, policy } = await loadPolicyForNamespace(namespace, options);
  const chosen = places.findIndex((place) => place.path === path);
  const candidates: PolicyCandidate[] = [];
  for (const [index, place] of places.entries()) {
    const isAbsent = index < chosen;
    const isDangling = isAbsent && (await danglingLink(files, place.path, { signal })) !== undefined;
    const outcome = isDangling
      ? "dangling"
      : isAbsent
        ? "missing"
        : index === chosen
          ? "chosen"
          : "outranked";
    candidates.push({ ...place, outcome });
  }
  return { kind: "policy", path, policy, checkedAtCreate: candidates[chosen]?.by !== "system", candidates };
}

function originOf({ origin }: { origin?: Origin }): { origin?: Origin } {
  return origin ? { origin } : {};
}
