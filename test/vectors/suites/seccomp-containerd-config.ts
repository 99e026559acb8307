/** containerd's configuration as different releases read it, and the profile that a request gets with it. */
import {
  type ContainerdConfig,
  containerdSeccompNode,
  parseContainerdConfig,
} from "../../../src/config/containerd/parse.ts";
import { ConfigError } from "../../../src/config/errors.ts";
import type { SeccompRequest } from "../../../src/seccomp/choice.ts";
import { SeccompError } from "../../../src/seccomp/errors.ts";
import { resolveContainerdSeccomp } from "../../../src/seccomp/resolve-containerd.ts";
import type { VectorFields, VectorSuite } from "../suite.ts";

const suite: VectorSuite = {
  run({ input }) {
    if (input["request"] !== undefined) return profileOf(input["request"] as VectorFields);
    const files = new Map(Object.entries(input["files"] as Record<string, string>));
    const flags = (input["flags"] ?? {}) as Record<string, string>;
    const read = (release: string): Record<string, unknown> => outcomeOf(files, flags, release);
    return { ...read("2.3"), "containerd2.0..2.2": read("2.2"), "containerd>=2.3": read("2.3") };
  },
};
export default suite;

function outcomeOf(
  files: ReadonlyMap<string, string>,
  { "log-level": logLevel, ...flags }: Record<string, string>,
  release: string,
): Record<string, unknown> {
  try {
    return fieldsOf(parseContainerdConfig(files, { release, flags: { ...flags, logLevel } }));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.code === "ERR_CONFIG_FILE"
      ? { error: error.message, errorKind: "file not found" }
      : { error: error.message };
  }
}

function fieldsOf(config: ContainerdConfig): Record<string, unknown> {
  const runtimes = [...config.runtimes];
  return {
    socket: config.socket.value,
    ttrpc: config.ttrpc.value,
    root: config.root.value,
    disabledPlugins: config.disabledPlugins.map(({ value }) => value),
    requiredPlugins: config.requiredPlugins.map(({ value }) => value),
    defaultRuntime: config.defaultRuntime.value,
    runtimes: Object.fromEntries(runtimes.map(([name, { type }]) => [name, type.value])),
    podAnnotations: Object.fromEntries(
      runtimes.map(([name, { podAnnotations }]) => [name, podAnnotations.map(({ value }) => value)]),
    ),
    systemdCgroup: config.runtimes.get(config.defaultRuntime.value)?.systemdCgroup.value,
    registryConfigPath: config.registryConfigPath.value,
    registryConfigPathInUse: config.registryFolders.join(":"),
    unsetSeccompProfile: config.unsetSeccompProfile.value,
    sandboxImage: config.sandboxImage.value,
    effectiveProfile: effectiveProfile(config),
  };
}

function effectiveProfile(config: ContainerdConfig): SeccompRequest | null {
  const choice = resolveContainerdSeccomp(
    { request: null, privileged: false },
    containerdSeccompNode(config),
  );
  if (choice.kind === "runtime-default") return { type: "RuntimeDefault" };
  if (choice.kind === "localhost") return { type: "Localhost", localhostRef: choice.path };
  return choice.kind === "none" && choice.reason === "unconfined" ? { type: "Unconfined" } : null;
}

function profileOf(fields: VectorFields): Record<string, unknown> {
  const { type, localhostRef, seccompProfilePath, unsetSeccompProfile, seccompEnabled } = fields as {
    type?: string;
    localhostRef?: string;
    seccompProfilePath?: string;
    unsetSeccompProfile?: string;
    seccompEnabled?: boolean;
  };
  try {
    const choice = resolveContainerdSeccomp(
      {
        request: type === undefined ? null : ({ type, localhostRef } as SeccompRequest),
        privileged: false,
        seccompProfilePath,
      },
      { kind: "containerd", seccompEnabled, unsetSeccompProfile },
    );
    if (choice.kind === "localhost") return { profile: choice.path };
    return { profile: choice.kind === "runtime-default" ? "generated default" : null };
  } catch (error) {
    if (!(error instanceof SeccompError)) throw error;
    return { error: error.message };
  }
}
