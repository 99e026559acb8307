/**
 * Paths of a layer resolved inside the root, as a process in the container would see them.
 *
 * @module
 */
import { OciError } from "../errors.ts";
import { addNode, type DirectoryNode, joinPath, noteWritten } from "./directory-node.ts";
import { shownPath } from "./entry.ts";
import type { FileTree } from "./file-tree.ts";

/** Symbolic links that are followed for one path; more is taken for a circle. As Linux, times six. */
const MAX_LINKS = 255;

/** How {@link resolveDirectory} goes on where there is no directory. */
export interface ResolveOptions {
  root: DirectoryNode;
  layer: number;
  /** Whether directories that are missing are made. */
  create: boolean;
  /** Whether something else than a directory makes room for one. */
  replace: (parent: DirectoryNode, name: string) => boolean;
  /** Called before a directory changes. */
  onChange: (node: DirectoryNode) => void;
  /** Called for something that stands in the way of a directory; must remove it. Gives the new directory if it made one. */
  onObstacle: (parent: DirectoryNode, name: string) => DirectoryNode | undefined;
}

/**
 * The directory that a path stands for, or nothing where it is missing and not to be made.
 *
 * Every symbolic link on the way counts from the root of the tree: an absolute one starts there, and `..` stops there.
 */
export function resolveDirectory(
  tree: FileTree,
  path: string,
  options: ResolveOptions,
): DirectoryNode | undefined {
  const { root, create } = options;
  let node = root;
  if (path === "") return node;
  const todo = path.split("/").reverse();
  // Directories that are not there: made at the end, so that ".." behind one makes none.
  const missing: string[] = [];
  let links = 0;
  while (todo.length > 0) {
    const name = todo.pop() ?? "";
    if (name === "" || name === ".") continue;
    if (name === "..") {
      if (missing.length > 0) missing.pop();
      else node = node.parent;
      continue;
    }
    if (missing.length > 0) {
      missing.push(name);
      continue;
    }
    const known = node.children.get(name);
    if (known) {
      node = known;
      continue;
    }
    const at = joinPath(node.path, name);
    const kind = node.names && !node.names.has(name) ? undefined : tree.kindOf(at);
    if (kind === undefined) missing.push(name);
    else if (kind === "directory") node = addNode(node, name, false);
    else if (kind === "symlink") {
      if (++links > MAX_LINKS) {
        throw new OciError("ERR_OCI_ENTRY_REFUSED", `too many symbolic links in ${shownPath(path)}`);
      }
      const target = tree.readLink(at);
      if (target.startsWith("/")) node = root;
      todo.push(...target.split("/").reverse());
    } else if (!create) return undefined;
    else if (options.replace(node, name)) {
      const made = options.onObstacle(node, name);
      if (made) node = made;
      else missing.push(name);
    } else throw new OciError("ERR_OCI_ENTRY_REFUSED", `${shownPath(at)} is in the way: not a directory`);
  }
  if (missing.length > 0 && !create) return undefined;
  for (const name of missing) {
    options.onChange(node);
    tree.makeDirectory(joinPath(node.path, name));
    noteWritten(node, name, options.layer);
    node = addNode(node, name, true);
  }
  return node;
}
