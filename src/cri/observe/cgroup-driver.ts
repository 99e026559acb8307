/**
 * Who makes the cgroups of a node: systemd or the runtime itself.
 *
 * Kubelet and runtime must agree on it. Runtimes since CRI 0.28 say it; of containerd 1.x it can be found in the
 * configuration that it shows.
 *
 * @module
 */
import type { CriCallOptions } from "../call.ts";
import type { CriConnection } from "../connect.ts";
import { CriError } from "../errors.ts";
import { CgroupDriver } from "../gen/runtime/v1/api_pb.ts";
import { type JsonFields, readRuntimeInfo } from "../info.ts";

/** What {@link detectCgroupDriver} finds. */
export type CgroupDriverDetection =
  | {
      readonly kind: "detected";
      readonly driver: "systemd" | "cgroupfs";
      /** `"runtime-config"`: the runtime said it; `"containerd-config"`: its configuration has it. */
      readonly origin: "runtime-config" | "containerd-config";
      /** For `"containerd-config"`: the handler whose options have it. */
      readonly handler?: string;
    }
  /** The runtime does not tell. A kubelet then goes by its own configuration, whose default is cgroupfs. */
  | { readonly kind: "unknown"; readonly reason: string };

/**
 * The cgroup driver of the runtime.
 *
 * `timeoutMs` is for each of at most two calls. A failed call is an error, not an unknown driver.
 *
 * @throws {CriError} with the code of a failed call, but for `ERR_CRI_UNIMPLEMENTED` of RuntimeConfig.
 */
export async function detectCgroupDriver(
  cri: Pick<CriConnection, "runtime">,
  options: CriCallOptions = {},
): Promise<CgroupDriverDetection> {
  try {
    const { linux } = await cri.runtime.runtimeConfig({}, options);
    if (!linux) return { kind: "unknown", reason: "the runtime has no configuration for Linux" };
    const { cgroupDriver } = linux;
    const origin = "runtime-config";
    if (cgroupDriver === CgroupDriver.SYSTEMD) return { kind: "detected", driver: "systemd", origin };
    if (cgroupDriver === CgroupDriver.CGROUPFS) return { kind: "detected", driver: "cgroupfs", origin };
    return { kind: "unknown", reason: `the runtime names a driver of number ${cgroupDriver}` };
  } catch (error) {
    if (!(error instanceof CriError) || error.code !== "ERR_CRI_UNIMPLEMENTED") throw error;
  }
  const status = await cri.runtime.status({ verbose: true }, options);
  try {
    return cgroupDriverOfContainerd(readRuntimeInfo(status).config ?? {});
  } catch (error) {
    if (!(error instanceof CriError) || error.code !== "ERR_CRI_INFO_INVALID") throw error;
    return { kind: "unknown", reason: error.message };
  }
}

/** Shims that take the option `SystemdCgroup`. */
const RUNC_SHIMS: ReadonlySet<unknown> = new Set(["io.containerd.runc.v1", "io.containerd.runc.v2"]);

/** The shim before them, for which the whole plugin has the option. */
const OLD_SHIM = "io.containerd.runtime.v1.linux";

/**
 * The cgroup driver in the configuration that containerd 1.x shows in its status.
 *
 * As containerd 2 does it: the first handler with a shim that has the option decides, beginning with the default
 * one, then by name. A handler without options runs with the shim's default, which is cgroupfs.
 */
export function cgroupDriverOfContainerd(config: JsonFields): CgroupDriverDetection {
  const containerd = objectIn(config, "containerd");
  const runtimes = containerd && objectIn(containerd, "runtimes");
  if (!containerd || !runtimes) {
    return { kind: "unknown", reason: "the runtime shows no configuration like containerd's" };
  }
  const names = Object.keys(runtimes).sort();
  const defaultName = containerd["defaultRuntimeName"];
  const first = names.filter((name) => name === defaultName);
  for (const handler of [...first, ...names.filter((name) => name !== defaultName)]) {
    const runtime = objectIn(runtimes, handler) ?? {};
    const type = runtime["runtimeType"];
    const options = objectIn(runtime, "options") ?? {};
    const systemd = type === OLD_SHIM ? config["systemdCgroup"] : options["SystemdCgroup"];
    if (type !== OLD_SHIM && !RUNC_SHIMS.has(type)) continue;
    const driver = systemd === true ? "systemd" : "cgroupfs";
    return { kind: "detected", driver, origin: "containerd-config", handler };
  }
  return { kind: "unknown", reason: "no runtime handler of containerd has a shim with the option" };
}

function objectIn(object: JsonFields, name: string): JsonFields | undefined {
  const value = Object.hasOwn(object, name) ? object[name] : undefined;
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
}
