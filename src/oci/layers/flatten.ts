/**
 * Layers as the one file system that they make, without a disk.
 *
 * Each layer is read twice: first for names and metadata, then, where it holds a file that is seen, for content. So a
 * hard link to a file that a later layer replaced keeps its content, which one pass cannot give.
 *
 * @module
 */
import { collectBytes } from "../../core/bytes.ts";
import type { Digest } from "../../core/digest.ts";
import type { SignalOptions } from "../../core/signal.ts";
import { OciError } from "../errors.ts";
import { applyLayer, type LayerSource } from "./apply.ts";
import { createLayerApplier, type LayerBehaviour } from "./apply-entry.ts";
import { cleanEntryPath, type LayerEntry, type LayerEntryContent, shownPath } from "./entry.ts";
import { type LayerLimits, resolveLimits } from "./limits.ts";
import { blankEntry, createMemoryTree, type MemoryTree, type TreeItem, walkTree } from "./memory-tree.ts";
import { readLayer } from "./read.ts";

/** Options of {@link flattenLayers}. */
export interface FlattenLayersOptions extends SignalOptions, LayerLimits {
  /** Which program is followed where peers differ. Default `"containerd"`. */
  behaviour?: LayerBehaviour | undefined;
  /**
   * Whether relative symbolic links that lead out of the root are given, the default, or left out. Absolute ones are
   * always given: they count from the root of whoever follows them.
   */
  escapingLinks?: "keep" | "drop" | undefined;
}

/**
 * The entries of the file system that layers make, bottom to top: each name once, and no whiteouts.
 *
 * Directories come first, then files in the order of the layers, then everything else; a hard link comes after what it
 * links. Content is lazy and must be read before the next entry is asked for. Nothing is written.
 *
 * @throws {OciError} What `applyLayers` throws for a layer; `ERR_OCI_DIFF_ID_MISMATCH` also for a layer that is
 * another one when it is read again.
 */
export async function* flattenLayers(
  layers: Iterable<LayerSource> | AsyncIterable<LayerSource>,
  options: FlattenLayersOptions = {},
): AsyncGenerator<LayerEntryContent, void> {
  const { tree, sources } = await readTree(layers, options);
  const names = namesOf(tree);
  const dropped = (path: string, item: TreeItem) =>
    options.escapingLinks === "drop" && item.kind === "symlink" && leavesRoot(path, item.entry?.target ?? "");
  const later: [path: string, item: TreeItem][] = [];
  const wanted = sources.map(() => new Map<number, TreeItem>());
  for (const [item, [first = "", ...others]] of names) {
    if (item.kind === "directory") yield { ...described(first, item), content: nothing() };
    else if (item.kind === "file") wanted[item.source.layer]?.set(item.source.index, item);
    else if (!dropped(first, item)) later.push([first, item]);
    else continue;
    for (const other of others) later.push([other, item]);
  }
  for (const [layer, items] of wanted.entries()) {
    const source = sources[layer];
    if (!source || items.size === 0) continue;
    let index = 0;
    for await (const { content, size } of readLayer(source.open(options), {
      ...options,
      diffId: source.diffId,
    })) {
      const item = items.get(index++);
      if (item) yield { ...described(names.get(item)?.[0] ?? "", item), size, content };
    }
  }
  for (const [path, item] of later) {
    const first = names.get(item)?.[0] ?? "";
    const entry = described(path, item);
    const link: Partial<LayerEntry> = path === first ? {} : { kind: "link", target: first, size: 0 };
    yield { ...entry, ...link, content: nothing() };
  }
}

async function* nothing(): AsyncGenerator<Uint8Array, void> {}

function described(path: string, item: TreeItem): LayerEntry {
  return { ...(item.entry ?? { ...blankEntry(path), kind: "directory" }), path };
}

function namesOf(tree: MemoryTree): Map<TreeItem, string[]> {
  const names = new Map<TreeItem, string[]>();
  if (tree.root.entry) names.set(tree.root, [""]);
  for (const [path, item] of walkTree(tree.root)) {
    const known = names.get(item);
    if (known) known.push(path);
    else names.set(item, [path]);
  }
  return names;
}

/** Whether a relative link leads above the root. */
function leavesRoot(path: string, target: string): boolean {
  if (target.startsWith("/")) return false;
  let depth = path.split("/").length - 1;
  for (const part of target.split("/")) {
    if (part === "..") depth--;
    else if (part !== "" && part !== ".") depth++;
    if (depth < 0) return true;
  }
  return false;
}

/** A layer whose diff id is known, since it was read once. */
type ReadSource = LayerSource & { diffId: Digest };

/** Names and metadata of the file system that layers make. */
async function readTree(
  layers: Iterable<LayerSource> | AsyncIterable<LayerSource>,
  options: FlattenLayersOptions,
): Promise<{ tree: MemoryTree; sources: ReadSource[] }> {
  resolveLimits(options);
  const tree = createMemoryTree();
  const applier = createLayerApplier(tree, {
    behaviour: options.behaviour ?? "containerd",
    whiteouts: "remove",
  });
  const sources: ReadSource[] = [];
  for await (const source of layers) {
    let index = 0;
    const diffId = await applyLayer(source, applier, options, () => tree.at(sources.length, index++));
    sources.push({ open: (given) => source.open(given), diffId });
  }
  return { tree, sources };
}

/** Options of {@link readLayerFile}. */
export interface ReadLayerFileOptions extends SignalOptions, LayerLimits {
  /** Which program is followed where peers differ. Default `"containerd"`. */
  behaviour?: LayerBehaviour | undefined;
  /** Longest content, in bytes. Default 64 MiB. */
  maxBytes?: number | undefined;
}

/** A file of the file system that layers make. */
export interface LayerFileContent {
  /** Its path is where symbolic links led to. */
  entry: LayerEntry;
  content: Uint8Array;
}

/**
 * One file of the file system that layers make, bottom to top.
 *
 * Symbolic links are followed, also as the last component, as a process in the container would.
 *
 * @throws {OciError} `ERR_OCI_NOT_FOUND` where there is no file of that name; what `applyLayers` throws for a layer.
 * @throws {CoreError} `ERR_TOO_LARGE` for more than `maxBytes`.
 */
export async function readLayerFile(
  layers: Iterable<LayerSource> | AsyncIterable<LayerSource>,
  path: string,
  options: ReadLayerFileOptions = {},
): Promise<LayerFileContent> {
  const { maxBytes = 64 * 2 ** 20, signal } = options;
  const { tree, sources } = await readTree(layers, options);
  const at = followLinks(tree, cleanEntryPath(path));
  const item = at === undefined ? undefined : tree.find(at);
  const source = sources[item?.source.layer ?? -1];
  if (at === undefined || item?.kind !== "file" || !source) {
    throw new OciError("ERR_OCI_NOT_FOUND", `the layers hold no file ${shownPath(path)}`);
  }
  let index = 0;
  let content: Uint8Array | undefined;
  for await (const entry of readLayer(source.open(options), { ...options, diffId: source.diffId })) {
    if (index++ === item.source.index) content = await collectBytes(entry.content, { maxBytes, signal });
  }
  if (!content) throw new OciError("ERR_OCI_NOT_FOUND", `the layers hold no file ${shownPath(path)}`);
  return { entry: described(at, item), content };
}

/** The path that a path stands for, or nothing where a link leads nowhere. */
function followLinks(tree: MemoryTree, path: string): string | undefined {
  const todo = path.split("/").reverse();
  const parts: string[] = [];
  for (let links = 0; todo.length > 0; ) {
    const name = todo.pop() ?? "";
    if (name === "..") parts.pop();
    if (name === "" || name === "." || name === "..") continue;
    parts.push(name);
    const item = tree.find(parts.join("/"));
    if (!item) return undefined;
    if (item.kind !== "symlink") continue;
    if (++links > 40) return undefined;
    const target = item.entry?.target ?? "";
    parts.pop();
    if (target.startsWith("/")) parts.length = 0;
    todo.push(...target.split("/").reverse());
  }
  return parts.join("/");
}
