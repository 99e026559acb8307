/** Roots of nodes on disk, for tests: with what is outside of them, which nothing may read. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { loadContainerdConfig } from "../../../src/config/containerd/load.ts";
import { loadCrioNode } from "../../../src/config/crio/load.ts";
import type { KubeletConfig, KubeletSetting } from "../../../src/config/kubelet/types.ts";
import type { DaemonEnvironment, NodeConfig } from "../../../src/config/node.ts";
import { type NodeFiles, nodeFiles } from "../../../src/config/node-files.ts";
import { loadRegistriesConf } from "../../../src/oci/mirrors/load-registries.ts";
import { loadRegistriesD } from "../../../src/policy/sources/load-registries-d.ts";

/** Texts or bytes by path; a text that begins with `->` is the target of a link, in which `$TOP` is outside. */
export type RootFiles = Readonly<Record<string, string | Uint8Array>>;

/**
 * A root with files, below a folder `top` that is outside of it. Everything that `outside` has stands at the same paths
 * in `top`, where `..` and links would lead if they left the root.
 */
export async function withRoot(
  { inside, outside = {} }: { inside: RootFiles; outside?: RootFiles },
  use: (root: string, top: string) => Promise<void>,
): Promise<void> {
  const top = mkdtempSync(join(tmpdir(), "lading-node-"));
  const root = join(top, "root");
  try {
    mkdirSync(root);
    for (const [folder, files] of [
      [root, inside],
      [top, outside],
    ] as const) {
      for (const [path, content] of Object.entries(files)) {
        const place = join(folder, path);
        mkdirSync(dirname(place), { recursive: true });
        if (typeof content === "string" && content.startsWith("->")) {
          symlinkSync(content.slice(2).replaceAll("$TOP", top), place);
        } else writeFileSync(place, content);
      }
    }
    await use(root, top);
  } finally {
    rmSync(top, { recursive: true });
  }
}

/** Settings of a kubelet that nobody set. */
export function kubeletOf(changes: Partial<KubeletConfig> = {}): KubeletConfig {
  const of = <T>(value: T): KubeletSetting<T> => ({ value });
  return {
    release: "1.36",
    files: [],
    rootDir: of("/var/lib/kubelet"),
    seccompRoot: of("/var/lib/kubelet/seccomp"),
    seccompDefault: of(false),
    cgroupDriver: of("cgroupfs"),
    cgroupRoot: of(""),
    containerRuntimeEndpoint: of("unix:///run/containerd/containerd.sock"),
    imageServiceEndpoint: of(""),
    podCIDR: of(""),
    maxPods: of(110),
    podPidsLimit: of(-1n),
    allowedUnsafeSysctls: [],
    featureGates: new Map(),
    imagePullCredentialsVerificationPolicy: of("NeverVerifyPreloadedImages"),
    preloadedImagesVerificationAllowlist: [],
    imageCredentialProviderConfig: of(""),
    imageCredentialProviderBinDir: of(""),
    registryPullQPS: of(5),
    registryBurst: of(10),
    serializeImagePulls: of(true),
    maxParallelImagePulls: of(undefined),
    staticPodPath: of(""),
    staticPodURL: of(""),
    resolvConf: of("/etc/resolv.conf"),
    clusterDomain: of(""),
    clusterDNS: [],
    userNamespacesIdsPerPod: of(65536n),
    hostnameOverride: of(""),
    warnings: [],
    ...changes,
  };
}

/** What {@link crioNode} and {@link containerdNode} are given. */
export interface TestNodeOptions {
  env?: DaemonEnvironment;
  kubelet?: KubeletConfig;
  release?: string;
  files?: NodeFiles;
}

/** A node with CRI-O, out of the files of a root. */
export async function crioNode(root: string, options: TestNodeOptions = {}): Promise<NodeConfig> {
  const { files = nodeFiles({ root }), env = {}, kubelet = kubeletOf() } = options;
  const user = { env: { HOME: "/root", ...env }, home: "/root", uid: 0, files };
  const reader = {
    list: async (path: string) => (await files.list(path, {})) ?? [],
    read: async (path: string) => (await files.readBytes(path, {})) ?? new Uint8Array(),
  };
  return {
    runtime: {
      kind: "cri-o",
      ...(await loadCrioNode({ root, files })),
      registries: await loadRegistriesConf(user),
      signatures: await loadRegistriesD({ ...user, reader }),
      env,
    },
    kubelet,
    runtimeClasses: new Map(),
    files,
    warnings: [],
  };
}

/** A node with containerd, out of the files of a root. */
export async function containerdNode(root: string, options: TestNodeOptions = {}): Promise<NodeConfig> {
  const { files = nodeFiles({ root }), kubelet = kubeletOf(), release } = options;
  return {
    runtime: {
      kind: "containerd",
      config: await loadContainerdConfig({ root, files, release }),
      hosts: [],
    },
    kubelet,
    runtimeClasses: new Map(),
    files,
    warnings: [],
  };
}
