/**
 * A tree of files in memory: names and metadata, and for each file which entry of which layer holds its content.
 *
 * @module
 */
import { joinPath } from "./directory-node.ts";
import type { LayerEntry } from "./entry.ts";
import type { FileSink, FileTree, FileTreeKind } from "./file-tree.ts";

/** One file, directory or link, which may have several names. */
export interface TreeItem {
  kind: FileTreeKind;
  /** What its entry says; its path is the one it was made under. Absent for a directory without entry. */
  entry: LayerEntry | undefined;
  /** Names and what they stand for; of a directory only. */
  children: Map<string, TreeItem>;
  /** Which entry of which layer holds the content, both counted from 0. */
  source: { layer: number; index: number };
}

/** A tree in memory. */
export interface MemoryTree extends FileTree {
  readonly root: TreeItem;
  /** Says which entry is applied next. */
  at(layer: number, index: number): void;
  /** What stands at a path; no link is followed. */
  find(path: string): TreeItem | undefined;
}

const IGNORED: FileSink = { write: () => {}, close: () => {}, abandon: () => {} };

/** An empty tree. */
export function createMemoryTree(): MemoryTree {
  let source = { layer: 0, index: 0 };
  const item = (kind: FileTreeKind, entry?: LayerEntry): TreeItem => ({
    kind,
    entry,
    children: new Map(),
    source,
  });
  const root = item("directory");

  function find(path: string): TreeItem | undefined {
    if (path === "") return root;
    let at: TreeItem | undefined = root;
    for (const name of path.split("/")) at = at?.children.get(name);
    return at;
  }

  function get(path: string): TreeItem {
    const found = find(path);
    if (!found) throw new Error(`no item in the tree: ${path}`);
    return found;
  }

  function put(path: string, value: TreeItem): void {
    const slash = path.lastIndexOf("/");
    get(slash < 0 ? "" : path.slice(0, slash)).children.set(path.slice(slash + 1), value);
  }

  return {
    root,
    find,
    at(layer, index) {
      source = { layer, index };
    },
    kindOf: (path) => find(path)?.kind,
    readLink: (path) => get(path).entry?.target ?? "",
    list: (path) => [...get(path).children.keys()],
    makeDirectory: (path) => put(path, item("directory")),
    makeSymlink(path, target) {
      put(path, item("symlink", { ...blankEntry(path), kind: "symlink", mode: 0o777, target }));
    },
    makeLink: (path, existing) => put(path, get(existing)),
    makeNode: (path, entry) => put(path, item("other", entry)),
    createFile(path, entry) {
      put(path, item("file", entry));
      return IGNORED;
    },
    makeWhiteout: () => {},
    markOpaque: () => {},
    remove(path) {
      const slash = path.lastIndexOf("/");
      get(slash < 0 ? "" : path.slice(0, slash)).children.delete(path.slice(slash + 1));
    },
    setMetadata(path, _kind, entry) {
      const found = get(path);
      const { mode, uid, gid, userName, groupName, mtimeSeconds, xattrs } = entry;
      const before = found.entry ?? { ...blankEntry(path), kind: "directory" };
      const kept = found.kind === "symlink" ? before.mode : mode;
      found.entry = { ...before, mode: kept, uid, gid, userName, groupName, mtimeSeconds, xattrs };
    },
    timesOf: () => ({ atimeSeconds: 0, mtimeSeconds: 0 }),
    setTimes: () => {},
  };
}

/** An entry that says nothing but its path. */
export function blankEntry(path: string): LayerEntry {
  return {
    path,
    kind: "file",
    mode: 0o755,
    uid: 0,
    gid: 0,
    userName: "",
    groupName: "",
    mtimeSeconds: 0,
    size: 0,
    target: "",
    deviceMajor: 0,
    deviceMinor: 0,
    xattrs: new Map(),
  };
}

/** Every name below the root with what it stands for, directories before what is in them, in the order of names. */
export function* walkTree(item: TreeItem, path = ""): Generator<[path: string, item: TreeItem], void> {
  const names = [...item.children.keys()].sort();
  for (const name of names) {
    const child = item.children.get(name);
    if (!child) continue;
    const at = joinPath(path, name);
    yield [at, child];
    yield* walkTree(child, at);
  }
}
