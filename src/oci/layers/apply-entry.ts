/**
 * The rules by which the entries of layers change a tree of files.
 *
 * Where containerd and umoci differ, {@link LayerBehaviour} chooses.
 *
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#applying-changesets}
 * @module
 */
import { OciError } from "../errors.ts";
import {
  addNode,
  type DirectoryNode,
  isAlive,
  isBelowOpaque,
  joinPath,
  noteWritten,
  rootNode,
  writtenIn,
} from "./directory-node.ts";
import { type LayerEntry, shownPath } from "./entry.ts";
import type { FileSink, FileTree, FileTreeKind } from "./file-tree.ts";
import { resolveDirectory } from "./resolve.ts";
import { type Whiteout, whiteoutOf } from "./whiteout.ts";

/**
 * Which program is followed where the two differ:
 *
 * | | containerd | umoci |
 * | --- | --- | --- |
 * | entry for the root | ignored | a directory sets the root's metadata, anything else is refused |
 * | parent that is no directory | refused | replaced by a directory |
 * | whiteout of what the same layer wrote | removes it | hides only what lower layers have there |
 * | owner and mode in a hard link's entry | applied | ignored |
 */
export type LayerBehaviour = "containerd" | "umoci";

/** What whiteouts become: what they hide is removed, or they are written as an overlay file system reads them. */
export type WhiteoutForm = "remove" | "overlay";

/** Applies entries. */
export interface LayerApplier {
  /** Begins the next layer. */
  beginLayer(): void;
  /**
   * Whether an entry only adds a name, in a directory that was made here and does not have it: nothing that was written
   * before is looked at or changed.
   */
  isNew(entry: LayerEntry): boolean;
  /** Applies one entry; gives what takes the content of a file. */
  apply(entry: LayerEntry): FileSink | undefined;
  /** Sets the times of directories, which entries in them have changed. */
  endLayer(): void;
}

/** Starts applying layers to a tree. */
export function createLayerApplier(
  tree: FileTree,
  { behaviour, whiteouts }: { behaviour: LayerBehaviour; whiteouts: WhiteoutForm },
): LayerApplier {
  const umoci = behaviour === "umoci";
  const overlay = whiteouts === "overlay";
  const root = rootNode();
  let layer = -1;
  let touched: DirectoryNode[] = [];

  /** Keeps the times of a directory that is about to change. */
  function touch(node: DirectoryNode): void {
    if (node.timesLayer === layer) return;
    node.timesLayer = layer;
    // What was made in this call has no times to keep.
    node.times = node.names ? node.times : tree.timesOf(node.path);
    touched.push(node);
  }

  const directory = (path: string, create: boolean): DirectoryNode | undefined =>
    resolveDirectory(tree, path, {
      root,
      layer,
      create,
      replace: (parent, name) => umoci || isWhiteout(parent, name),
      onChange: touch,
      onObstacle: (parent, name) => {
        const hidden = isWhiteout(parent, name);
        drop(parent, name);
        if (!hidden) return undefined;
        return opaqueDirectory(parent, name);
      },
    });

  function existingKind(node: DirectoryNode, name: string): FileTreeKind | undefined {
    if (node.names && !node.names.has(name)) return undefined;
    return node.children.has(name) ? "directory" : tree.kindOf(joinPath(node.path, name));
  }

  function drop(node: DirectoryNode, name: string): void {
    touch(node);
    tree.remove(joinPath(node.path, name));
    node.children.delete(name);
    node.names?.delete(name);
    if (node.layer === layer) {
      node.written.delete(name);
      node.whiteouts.delete(name);
    }
  }

  function isWhiteout(node: DirectoryNode, name: string): boolean {
    return node.layer === layer && node.whiteouts.has(name);
  }

  /** A directory in place of a whiteout: what the whiteout hid stays hidden. */
  function opaqueDirectory(parent: DirectoryNode, name: string): DirectoryNode {
    touch(parent);
    tree.makeDirectory(joinPath(parent.path, name));
    noteWritten(parent, name, layer);
    const node = addNode(parent, name, true);
    if (!isBelowOpaque(parent, layer)) setOpaque(node);
    return node;
  }

  function setOpaque(node: DirectoryNode): void {
    writtenIn(node, layer);
    node.opaque = true;
    tree.markOpaque(node.path);
  }

  function applyWhiteout(whiteout: Whiteout): void {
    // A whiteout needs its directory only where it is written down itself.
    const parent = directory(whiteout.parent, overlay);
    if (!parent) return;
    if (whiteout.kind === "opaque") {
      if (overlay) markOpaque(parent);
      else hideLower(parent);
      return;
    }
    const { name } = whiteout;
    if (overlay) {
      if (existingKind(parent, name)) drop(parent, name);
      if (isBelowOpaque(parent, layer)) return;
      touch(parent);
      tree.makeWhiteout(joinPath(parent.path, name));
      noteWritten(parent, name, layer);
      parent.whiteouts.add(name);
    } else if (umoci && writtenIn(parent, layer).has(name)) {
      const kept = parent.children.get(name);
      if (kept) hideLower(kept);
    } else if (existingKind(parent, name)) drop(parent, name);
  }

  /** Removes what lower layers have below a directory, and keeps what this layer wrote. */
  function hideLower(node: DirectoryNode): void {
    const written = writtenIn(node, layer);
    for (const name of tree.list(node.path)) {
      if (!written.has(name)) drop(node, name);
      else {
        const child = node.children.get(name);
        if (child) hideLower(child);
      }
    }
  }

  function markOpaque(node: DirectoryNode): void {
    setOpaque(node);
    dropWhiteouts(node);
  }

  /** Whiteouts below an opaque directory hide nothing more. */
  function dropWhiteouts(node: DirectoryNode): void {
    if (node.layer !== layer) return;
    for (const name of [...node.whiteouts]) drop(node, name);
    for (const child of node.children.values()) dropWhiteouts(child);
  }

  function applyEntry(entry: LayerEntry): FileSink | undefined {
    const whiteout = whiteoutOf(entry.path);
    if (whiteout) {
      applyWhiteout(whiteout);
      return undefined;
    }
    if (entry.path === "") return applyRoot(entry);
    const slash = entry.path.lastIndexOf("/");
    const parent = directory(slash < 0 ? "" : entry.path.slice(0, slash), true);
    if (!parent) throw new Error("a directory that was to be made is missing");
    const name = entry.path.slice(slash + 1);
    const path = joinPath(parent.path, name);
    // Before the old entry goes: it may be the target, and must be told from one that never was.
    const target = entry.kind === "link" ? linkTarget(entry, path) : undefined;
    const existing = existingKind(parent, name);
    touch(parent);
    if (entry.kind === "directory") {
      applyDirectory(parent, name, existing, entry);
      return undefined;
    }
    if (existing) drop(parent, name);
    const sink = make(path, entry, target);
    noteWritten(parent, name, layer);
    return sink;
  }

  function applyRoot(entry: LayerEntry): undefined {
    if (!umoci) return;
    if (entry.kind !== "directory") {
      throw new OciError("ERR_OCI_ENTRY_REFUSED", "an entry for the root that is no directory");
    }
    setDirectory(root, entry);
  }

  function applyDirectory(
    parent: DirectoryNode,
    name: string,
    existing: FileTreeKind | undefined,
    entry: LayerEntry,
  ): void {
    let node = parent.children.get(name);
    if (existing === "directory") node ??= addNode(parent, name, false);
    else {
      const hidden = isWhiteout(parent, name);
      if (existing) drop(parent, name);
      if (hidden) node = opaqueDirectory(parent, name);
      else {
        tree.makeDirectory(joinPath(parent.path, name));
        node = addNode(parent, name, true);
      }
    }
    noteWritten(parent, name, layer);
    setDirectory(node, entry);
  }

  function setDirectory(node: DirectoryNode, entry: LayerEntry): void {
    touch(node);
    tree.setMetadata(node.path, "directory", entry);
    node.times = { atimeSeconds: entry.mtimeSeconds, mtimeSeconds: entry.mtimeSeconds };
  }

  /** The target of a hard link: its directory is resolved, its last component is not followed. */
  function linkTarget(entry: LayerEntry, path: string): { path: string; kind: FileTreeKind } {
    const slash = entry.target.lastIndexOf("/");
    const parent = directory(slash < 0 ? "" : entry.target.slice(0, slash), false);
    const name = entry.target.slice(slash + 1);
    const kind = parent && name !== "" ? existingKind(parent, name) : undefined;
    const found = parent && joinPath(parent.path, name);
    if (!found || !kind || found === path || path.startsWith(`${found}/`) || found.startsWith(`${path}/`)) {
      const message = `hard link ${shownPath(entry.path)}: no target ${shownPath(entry.target)}`;
      throw new OciError("ERR_OCI_ENTRY_REFUSED", message);
    }
    if (kind === "directory") {
      const message = `hard link ${shownPath(entry.path)} to a directory`;
      throw new OciError("ERR_OCI_ENTRY_REFUSED", message);
    }
    return { path: found, kind };
  }

  function make(
    path: string,
    entry: LayerEntry,
    target: { path: string; kind: FileTreeKind } | undefined,
  ): FileSink | undefined {
    if (target) {
      tree.makeLink(path, target.path);
      if (!umoci) tree.setMetadata(path, target.kind, entry);
      return undefined;
    }
    if (entry.kind === "file") return tree.createFile(path, entry);
    if (entry.kind === "symlink") {
      tree.makeSymlink(path, entry.target);
      tree.setMetadata(path, "symlink", entry);
    } else {
      tree.makeNode(path, entry);
    }
    return undefined;
  }

  function isNew(entry: LayerEntry): boolean {
    if (entry.kind === "link" || entry.path === "" || whiteoutOf(entry.path)) return false;
    let node = root;
    for (const name of entry.path.split("/")) {
      if (node.names && !node.names.has(name)) return true;
      // Not a directory, or one that was there before and may hold anything.
      const known = node.children.get(name);
      if (!known) return false;
      node = known;
    }
    return false;
  }

  return {
    beginLayer() {
      layer++;
    },
    isNew,
    apply: applyEntry,
    endLayer() {
      for (const node of touched) {
        if (node.times && isAlive(node)) tree.setTimes(node.path, node.times);
      }
      touched = [];
    },
  };
}
