/**
 * Whether kubelet and runtime make cgroups in the same way: Pods whose daemons disagree fail, or are not counted right.
 *
 * @see {@link https://kubernetes.io/docs/setup/production-environment/container-runtimes/#cgroup-drivers}
 * @module
 */
import type { KubeletConfig } from "../kubelet/types.ts";
import type { NodeRuntime } from "../node.ts";
import type { NodeAgreementWarning } from "../node-warnings.ts";
import type { Origin } from "../origin.ts";

/**
 * A warning where the files of both say different drivers. Of a kubelet whose configuration is not at hand nothing is
 * said, nor where it has not set one and the runtime tells it its own.
 */
export function cgroupDriverWarnings(kubelet: KubeletConfig, runtime: NodeRuntime): NodeAgreementWarning[] {
  const { value, origin, flag } = kubelet.cgroupDriver;
  const isSet = origin !== undefined || flag !== undefined;
  if (!isSet && (kubelet.configFile === undefined || tellsItsOwn(runtime))) return [];
  const own = driverOf(runtime);
  if (!own || own.value === value) return [];
  return [
    {
      code: "cgroup-driver",
      kubelet: value,
      runtime: own.value,
      ...(origin ? { origin } : {}),
      ...(own.origin ? { runtimeOrigin: own.origin } : {}),
    },
  ];
}

/** Runtimes that a kubelet can ask: CRI-O from its first version known here, containerd from 2.0 on. */
function tellsItsOwn(runtime: NodeRuntime): boolean {
  return runtime.kind === "cri-o" || Number.parseInt(runtime.config.release, 10) >= 2;
}

/** The driver of the default handler; undefined where it is no runc, whose options are its own. */
function driverOf(runtime: NodeRuntime): { value: string; origin?: Origin } | undefined {
  if (runtime.kind === "cri-o") {
    const { value, origin } = runtime.config.runtime.cgroup_manager;
    return { value, ...(origin ? { origin } : {}) };
  }
  const handler = runtime.config.runtimes.get(runtime.config.defaultRuntime.value);
  if (handler?.type.value !== "io.containerd.runc.v2") return undefined;
  const { value, origin } = handler.systemdCgroup;
  return { value: value ? "systemd" : "cgroupfs", ...(origin ? { origin } : {}) };
}
