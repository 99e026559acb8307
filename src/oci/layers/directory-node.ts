/**
 * What is known about the directories of a tree while layers are applied to it.
 *
 * Only directories that were seen to be directories, or made, have a node; a node goes when its directory does. So a
 * path that is walked along nodes holds no symbolic link, as long as nobody else changes the tree.
 *
 * @module
 */
import type { FileTimes } from "./file-tree.ts";

/** A directory that is known to be one. */
export interface DirectoryNode {
  /** Path below the root; empty for the root. */
  readonly path: string;
  readonly name: string;
  /** The root is its own parent. */
  readonly parent: DirectoryNode;
  readonly children: Map<string, DirectoryNode>;
  /** All names in it; absent where the directory was there before and its names were not read. */
  names: Set<string> | undefined;
  /** The layer that {@link written} is about. */
  layer: number;
  /** Names that this layer wrote, or wrote below. */
  written: Set<string>;
  /** Times to set when the layer is done; absent: those that the system gave. */
  times: FileTimes | undefined;
  /** The layer that {@link times} is about. */
  timesLayer: number;
  /** For an overlay file system: this layer marked it as opaque. */
  opaque: boolean;
  /** For an overlay file system: names that this layer wrote as whiteouts. */
  whiteouts: Set<string>;
}

/** The node of a root. */
export function rootNode(): DirectoryNode {
  const root = { ...blank("", ""), parent: undefined as unknown as DirectoryNode };
  Object.assign(root, { parent: root });
  return root;
}

/** Adds the node of a directory; `fresh` if it was made just now, so that all its names are known. */
export function addNode(parent: DirectoryNode, name: string, fresh: boolean): DirectoryNode {
  const node = { ...blank(joinPath(parent.path, name), name), parent };
  if (fresh) node.names = new Set();
  parent.children.set(name, node);
  parent.names?.add(name);
  return node;
}

function blank(path: string, name: string): Omit<DirectoryNode, "parent"> {
  return {
    path,
    name,
    children: new Map(),
    names: undefined,
    layer: -1,
    written: new Set(),
    times: undefined,
    timesLayer: -1,
    opaque: false,
    whiteouts: new Set(),
  };
}

/** A path of two parts. */
export function joinPath(parent: string, name: string): string {
  return parent === "" ? name : `${parent}/${name}`;
}

/** Names that the layer wrote in a directory. */
export function writtenIn(node: DirectoryNode, layer: number): Set<string> {
  if (node.layer !== layer) {
    node.layer = layer;
    node.written = new Set();
    node.opaque = false;
    node.whiteouts = new Set();
  }
  return node.written;
}

/** Notes that the layer wrote a name, so also below every directory above it. */
export function noteWritten(node: DirectoryNode, name: string, layer: number): void {
  node.names?.add(name);
  let at = node;
  let child = name;
  for (let written = writtenIn(at, layer); !written.has(child); written = writtenIn(at, layer)) {
    written.add(child);
    if (at.parent === at) return;
    child = at.name;
    at = at.parent;
  }
}

/** Whether the layer marked a directory, or one above it, as opaque. */
export function isBelowOpaque(node: DirectoryNode, layer: number): boolean {
  for (let at = node; ; at = at.parent) {
    if (at.layer === layer && at.opaque) return true;
    if (at.parent === at) return false;
  }
}

/** Whether a directory is still there. */
export function isAlive(node: DirectoryNode): boolean {
  for (let at = node; at.parent !== at; at = at.parent) {
    if (at.parent.children.get(at.name) !== at) return false;
  }
  return true;
}
