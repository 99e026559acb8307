/** Nodes out of texts by path, read as `loadNode` reads them: for suites about files of a node. */
import { posix } from "node:path";
import { type LoadNodeOptions, loadNode } from "../../src/config/node/load.ts";
import type { ContainerdNodeRuntime, CrioRuntime, NodeConfig } from "../../src/config/node.ts";
import type { NodeFiles } from "../../src/config/node-files.ts";

/** Texts by absolute path; a relative one begins at `/`, where daemons are started. */
export function memoryFiles(texts: Readonly<Record<string, string>>): NodeFiles {
  const byPath = new Map(Object.entries(texts).map(([path, text]) => [posix.resolve("/", path), text]));
  return {
    read: async (path) => byPath.get(path),
    async readBytes(path) {
      const text = byPath.get(path);
      return text === undefined ? undefined : Buffer.from(text);
    },
    async list(folder) {
      const below = [...byPath.keys()].filter((path) => path.startsWith(`${folder}/`));
      const names = below.map((path) => posix.relative(folder, path).split("/")[0] ?? "");
      return names.length === 0 ? undefined : [...new Set(names)];
    },
    isLink: async () => false,
  };
}

/** A node with CRI-O. */
export async function crioNodeOf(
  texts: Readonly<Record<string, string>>,
  options: Partial<LoadNodeOptions> = {},
): Promise<NodeConfig & { runtime: CrioRuntime }> {
  const node = await loadNode({
    root: "/not/there",
    files: memoryFiles(texts),
    runtime: "cri-o",
    ...options,
  });
  const { runtime } = node;
  if (runtime.kind !== "cri-o") throw new TypeError("no node with CRI-O");
  return { ...node, runtime };
}

/** A node with containerd. */
export async function containerdNodeOf(
  texts: Readonly<Record<string, string>>,
  options: Partial<LoadNodeOptions> = {},
): Promise<NodeConfig & { runtime: ContainerdNodeRuntime }> {
  const files = memoryFiles(texts);
  const node = await loadNode({ root: "/not/there", files, runtime: "containerd", ...options });
  const { runtime } = node;
  if (runtime.kind !== "containerd") throw new TypeError("no node with containerd");
  return { ...node, runtime };
}
