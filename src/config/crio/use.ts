/**
 * What a configuration of CRI-O means for seccomp, for policies and for images.
 *
 * @module
 */
import { posix } from "node:path";
import type { CrioPolicyOptions } from "../../policy/crio.ts";
import type { CrioSeccompNode } from "../../seccomp/resolve-crio.ts";
import type { CrioConfig } from "./types.ts";

/**
 * What `resolveCrioSeccomp` takes for pods of a handler.
 *
 * Paths are those of the configuration: CRI-O uses its internal profile in place of a node-wide one that does not
 * exist, which {@link loadCrioNode} finds out.
 *
 * @param handler Name of a handler; empty for the default one.
 * @throws {RangeError} If there is no such handler: CRI-O does not make the pod.
 */
export function crioSeccompNode(config: CrioConfig, handler: string): CrioSeccompNode {
  const name = handler === "" ? config.runtime.default_runtime.value : handler;
  const found = config.runtimes.get(name);
  if (!found) throw new RangeError(`no runtime handler ${JSON.stringify(name)}`);
  const { settings } = found;
  return {
    kind: "cri-o",
    version: config.version,
    seccompProfile: config.runtime.seccomp_profile.value,
    handlerSeccompProfile: settings.seccomp_profile.value,
    privilegedSeccompProfile: config.runtime.privileged_seccomp_profile.value,
    allowedAnnotations: settings.allowed_annotations.value,
    defaultAnnotations: Object.fromEntries(settings.default_annotations.value),
    workloads: [...config.workloads.values()].map((workload) => ({
      activationAnnotation: workload.settings.activation_annotation.value,
      allowedAnnotations: workload.settings.allowed_annotations.value,
    })),
  };
}

/** What `policyPathFor` and `loadPolicyForNamespace` take. */
export function crioPolicyOptions({ image }: CrioConfig): CrioPolicyOptions {
  return {
    signaturePolicy: image.signature_policy.value,
    signaturePolicyDir: image.signature_policy_dir.value,
  };
}

/** The folder of the sockets on which CRI-O listens for events of seccomp notifiers. */
export function crioNotifierPath({ api }: CrioConfig): string {
  return posix.join(posix.dirname(api.listen.value), "seccomp");
}

/**
 * Whether an entry of `pinned_images` keeps an image from being removed.
 *
 * Letter case does not count. `*x*` is anywhere in the name; so is the `x` of `x*`, followed by anything; else the
 * whole name counts. The pause image is pinned without an entry.
 */
export function isPinnedImage(pattern: string, image: string): boolean {
  const name = image.toLowerCase();
  const wanted = pattern.toLowerCase();
  if (!wanted.endsWith("*")) return name === wanted;
  const part = wanted.slice(wanted.startsWith("*") ? 1 : 0, -1);
  return name.includes(part);
}
