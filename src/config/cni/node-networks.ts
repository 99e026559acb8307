/**
 * The networks of a node as its runtime is configured.
 *
 * @module
 */
import { posix } from "node:path";
import type { SignalOptions } from "../../core/signal.ts";
import { ConfigError } from "../errors.ts";
import type { NodeConfig } from "../node.ts";
import { type CniNetworks, loadCniNetworks } from "./load.ts";
import { renderCniTemplate } from "./template.ts";

/** What a runtime does with the addresses that a kubelet tells it. */
export type NodeCniTemplate =
  /** Nothing: `no-template` is configured, the node `has-networks` already, or it has no addresses of its own. */
  | { readonly kind: "none"; readonly reason: "no-template" | "has-networks" | "no-pod-cidr" }
  | {
      readonly kind: "written";
      /** The file that is written. */
      readonly path: string;
      readonly text: string;
    };

/** The file that containerd writes. */
const WRITTEN_NAME = "10-containerd-net.conflist";

/**
 * The networks that a Pod of the node's default handler is put into.
 *
 * @throws {ConfigError} As `loadCniNetworks`.
 */
export async function nodeNetworks(node: NodeConfig, { signal }: SignalOptions = {}): Promise<CniNetworks> {
  const { runtime, files } = node;
  if (runtime.kind === "cri-o") {
    const { network } = runtime.config;
    return await loadCniNetworks({
      root: "/",
      files,
      folder: posix.resolve("/", network.network_dir.value || "/etc/cni/net.d"),
      choice: { runtime: "cri-o", defaultNetwork: network.cni_default_network.value },
      pluginFolders: isFrom(runtime.config.version, 1, 33),
      signal,
    });
  }
  const { cni, release } = runtime.config;
  return await loadCniNetworks({
    root: "/",
    files,
    folder: posix.resolve("/", cni.confDir.value || "/etc/cni/net.d"),
    choice: { runtime: "containerd", maxConfNum: cni.maxConfNum.value },
    pluginFolders: isFrom(release, 2, 1),
    signal,
  });
}

/**
 * The configuration that containerd writes from its template; nothing where it writes none, as CRI-O never does.
 *
 * @param podCIDR What the kubelet tells: one range of addresses, or several with commas between them. Default the
 * node's own, which kubelets without a cluster have.
 * @throws {ConfigError} As `renderCniTemplate` and `loadCniNetworks`; `ERR_CONFIG_FILE` for a template that is missing.
 */
export async function nodeCniTemplate(
  node: NodeConfig,
  { podCIDR = node.kubelet.podCIDR.value, signal }: { podCIDR?: string | undefined } & SignalOptions = {},
): Promise<NodeCniTemplate> {
  const { runtime, files } = node;
  const template = runtime.kind === "containerd" ? runtime.config.cni.confTemplate : { value: "" };
  if (runtime.kind !== "containerd" || template.value === "") return { kind: "none", reason: "no-template" };
  if (podCIDR === "") return { kind: "none", reason: "no-pod-cidr" };
  const { networks } = await nodeNetworks(node, { signal });
  if (networks.length > 0) return { kind: "none", reason: "has-networks" };
  const path = posix.resolve("/", template.value);
  const text = await files.read(path, { signal });
  if (text === undefined) {
    const message = `failed to parse cni config template ${JSON.stringify(path)}: it does not exist`;
    throw new ConfigError("ERR_CONFIG_FILE", message, { origin: template.origin });
  }
  return {
    kind: "written",
    path: posix.join(posix.resolve("/", runtime.config.cni.confDir.value || "/etc/cni/net.d"), WRITTEN_NAME),
    text: renderCniTemplate(path, text, podCIDR),
  };
}

function isFrom(release: string, major: number, minor: number): boolean {
  const [, first = "0", second = "0"] = /^v?([0-9]+)\.([0-9]+)/.exec(release) ?? [];
  return Number(first) > major || (Number(first) === major && Number(second) >= minor);
}
