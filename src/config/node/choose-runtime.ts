/**
 * Which runtime a node has.
 *
 * @module
 */
import { posix } from "node:path";
import type { SignalOptions } from "../../core/signal.ts";
import { DEFAULT_CONTAINERD_CONFIG } from "../containerd/parse.ts";
import { ConfigError } from "../errors.ts";
import type { KubeletConfig } from "../kubelet/types.ts";
import type { NodeFiles } from "../node-files.ts";
import type { NodeAgreementWarning } from "../node-warnings.ts";

/** What {@link chooseRuntime} goes by. */
export interface ChooseRuntimeOptions extends SignalOptions {
  /** What the caller says. */
  runtime?: "cri-o" | "containerd" | undefined;
  /** The files that each runtime is started with, where they are not the usual ones. */
  crioConfig?: string | undefined;
  crioConfigDir?: string | undefined;
  containerdConfig?: string | undefined;
}

/** A runtime, and what speaks for another one. */
export interface ChosenRuntime {
  readonly runtime: "cri-o" | "containerd";
  readonly warnings: readonly NodeAgreementWarning[];
}

const PROGRAM_FOLDERS = ["/usr/bin", "/usr/local/bin", "/usr/sbin", "/usr/local/sbin"];
const SOCKETS: ReadonlyMap<string, ChosenRuntime["runtime"]> = new Map([
  ["crio.sock", "cri-o"],
  ["containerd.sock", "containerd"],
]);

/**
 * The runtime of a node: what the caller says; else what the kubelet's endpoint is named for; else the one that has
 * configuration files, or, without any, programs. Of both it is containerd, whose socket the kubelet's default is,
 * unless the kubelet has an endpoint of a name that tells nothing.
 *
 * @throws {ConfigError} `ERR_CONFIG_FILE` where nothing tells.
 */
export async function chooseRuntime(
  { containerRuntimeEndpoint: endpoint }: KubeletConfig,
  files: NodeFiles,
  options: ChooseRuntimeOptions,
): Promise<ChosenRuntime> {
  const { signal } = options;
  const configured = {
    "cri-o": await crioFile(files, options),
    containerd: await containerdFile(files, options),
  };
  const of = (runtime: ChosenRuntime["runtime"]): ChosenRuntime => {
    const other = runtime === "cri-o" ? "containerd" : "cri-o";
    const file = configured[other];
    return {
      runtime,
      warnings: file === undefined ? [] : [{ code: "other-runtime", runtime: other, file }],
    };
  };
  if (options.runtime !== undefined) return of(options.runtime);
  const isSet = endpoint.origin !== undefined || endpoint.flag !== undefined;
  const named = isSet ? SOCKETS.get(posix.basename(socketPath(endpoint.value))) : undefined;
  if (named) return of(named);
  const found =
    configured["cri-o"] === undefined && configured.containerd === undefined
      ? await programs(files, { signal })
      : { "cri-o": configured["cri-o"] !== undefined, containerd: configured.containerd !== undefined };
  if (found["cri-o"] && !found.containerd) return of("cri-o");
  if (found.containerd && !(found["cri-o"] && isSet)) return of("containerd");
  const why = found.containerd ? "the endpoint of its kubelet is of neither" : "it has files of none";
  const message = `which runtime the node has is not told by its files: ${why}`;
  throw new ConfigError("ERR_CONFIG_FILE", message, {
    key: "containerRuntimeEndpoint",
    origin: endpoint.origin,
  });
}

/** A warning where a kubelet is told to use another socket than that of the runtime. */
export function otherSocket(
  { containerRuntimeEndpoint: { value, origin, flag } }: KubeletConfig,
  socket: string,
): NodeAgreementWarning[] {
  if (origin === undefined && flag === undefined) return [];
  if (socketPath(value) === socketPath(socket)) return [];
  return [{ code: "other-socket", endpoint: value, socket, ...(origin ? { origin } : {}) }];
}

/** Where a socket is: `/var/run` is a link to `/run` on every node. */
function socketPath(endpoint: string): string {
  return posix.normalize(endpoint.replace(/^unix:(?:\/\/)?/, "")).replace(/^\/var\/run\//, "/run/");
}

async function crioFile(
  files: NodeFiles,
  {
    crioConfig = "/etc/crio/crio.conf",
    crioConfigDir = "/etc/crio/crio.conf.d",
    signal,
  }: ChooseRuntimeOptions,
): Promise<string | undefined> {
  if (crioConfig !== "" && (await files.read(crioConfig, { signal })) !== undefined) return crioConfig;
  const [first] = ((await files.list(crioConfigDir, { signal })) ?? []).sort();
  return first === undefined ? undefined : posix.join(crioConfigDir, first);
}

async function containerdFile(
  files: NodeFiles,
  { containerdConfig = DEFAULT_CONTAINERD_CONFIG, signal }: ChooseRuntimeOptions,
): Promise<string | undefined> {
  return (await files.read(containerdConfig, { signal })) === undefined ? undefined : containerdConfig;
}

async function programs(
  files: NodeFiles,
  options: SignalOptions,
): Promise<Record<ChosenRuntime["runtime"], boolean>> {
  const names = new Set<string>();
  for (const folder of PROGRAM_FOLDERS) {
    for (const name of (await files.list(folder, options)) ?? []) names.add(name);
  }
  return { "cri-o": names.has("crio"), containerd: names.has("containerd") };
}
