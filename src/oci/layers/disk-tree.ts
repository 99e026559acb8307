/**
 * A directory on disk as a tree that layers are applied to.
 *
 * No path that gets here holds a symbolic link before its last component, files are created exclusively and without
 * following one, and owner and mode of a file are set through its descriptor. This holds as long as nobody else
 * writes to the directory: Node has no calls that are relative to an open directory.
 *
 * @module
 */
import {
  chmodSync,
  close,
  closeSync,
  constants,
  fchmod,
  fchmodSync,
  fchown,
  fchownSync,
  futimes,
  futimesSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  open,
  openSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmdirSync,
  type Stats,
  symlinkSync,
  unlinkSync,
  utimesSync,
  write,
  writeSync,
} from "node:fs";
import { promisify } from "node:util";
import { createDiskPace, type DiskPace } from "../disk-pace.ts";
import { OciError } from "../errors.ts";
import { entryNameBytes, entryNameText, type LayerEntry, shownPath } from "./entry.ts";
import { createFilePool, type FilePool } from "./file-pool.ts";
import type { FileSink, FileTree, FileTreeKind } from "./file-tree.ts";

/** A device or fifo to make; see {@link SystemCalls}. */
export interface DeviceNode {
  kind: "character-device" | "block-device" | "fifo";
  /** Major number; 0 for a fifo. */
  major: number;
  /** Minor number; 0 for a fifo. */
  minor: number;
}

/**
 * What Node cannot do itself. The functions must not follow a symbolic link at the path, and throw if they fail.
 *
 * They are synchronous: files of an image that need them are few.
 */
export interface SystemCalls {
  /** Makes a device or fifo, with mode 0o600 or stricter. */
  makeNode?: ((path: string | Buffer, node: DeviceNode) => void) | undefined;
  /** Sets one extended attribute. */
  setXattr?: ((path: string | Buffer, name: string, value: Uint8Array) => void) | undefined;
  /** Removes one extended attribute: a layer that lists a directory again replaces all that it had. */
  removeXattr?: ((path: string | Buffer, name: string) => void) | undefined;
}

/** Something of an entry that the file system did not get. */
export interface SkippedItem {
  path: string;
  /**
   * A node is a device or fifo: an empty file without permissions stands in its place. An attribute was not set, or not
   * removed from a directory.
   */
  what: "node" | "xattr";
  /** Name of the attribute, or kind of the node. */
  name: string;
}

/** Options of {@link createDiskTree}. */
interface DiskTreeOptions extends SystemCalls {
  owners: boolean;
  overlayNamespace: "trusted" | "user";
  whiteouts: "remove" | "overlay";
  /** How files are written; see `ApplyLayersOptions.fileWrites`. */
  fileWrites: "auto" | "blocking" | "pooled";
  onSkipped: (item: SkippedItem) => void;
  /** How fast files are made, and owner, mode and time of one set. By default both count as fast at first. */
  opening?: DiskPace;
  setting?: DiskPace;
}

/** A tree on disk. */
export interface DiskTree extends FileTree {
  /** Files that are still being written. Nothing that stands in the tree may be changed before they are. */
  readonly pool: FilePool;
  /** Sets what had to wait until nothing changes any more. */
  finish(): void;
}

/** Attributes that belong to the machine, not to the image: umoci leaves them alone as well. */
const FOREIGN_XATTRS: ReadonlySet<string> = new Set(["security.selinux", "system.nfs4_acl"]);

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0);

/** Longer files are always written at once: there are few of them, and they would be held in memory. */
const MAX_POOLED_BYTES = 2 ** 20;

/** By threads of the pool. Handles of `node:fs/promises` take longer to make than most files. */
const pooled = {
  open: promisify(open),
  write: promisify(write),
  fchown: promisify(fchown),
  fchmod: promisify(fchmod),
  futimes: promisify(futimes),
  close: promisify(close),
};

/** The tree below a directory that exists. */
export function createDiskTree(directory: string, options: DiskTreeOptions): DiskTree {
  const base = realpathSync(directory);
  assertExactNames(base);
  const { owners, makeNode, setXattr, removeXattr, onSkipped } = options;
  const at = (path: string): string | Buffer =>
    path === "" ? base : entryNameBytes(base === "/" ? `/${path}` : `${base}/${path}`);
  // Without the right to override them, modes of directories wait: one without write permission could not be filled.
  const laterModes: Map<string, number> | undefined = process.geteuid?.() === 0 ? undefined : new Map();

  // Attributes that directories got here, for a later layer that lists them again without.
  const directoryXattrs: Map<string, ReadonlySet<string>> = new Map();

  /** Removes what a directory got from lower layers and its new entry does not have. */
  function replaceXattrs(path: string, entry: LayerEntry): void {
    for (const name of directoryXattrs.get(path) ?? []) {
      if (entry.xattrs.has(name)) continue;
      if (!removeXattr) onSkipped({ path, what: "xattr", name });
      else guard(path, () => removeXattr(at(path), overlayName(name)));
    }
    directoryXattrs.delete(path);
    const names = [...entry.xattrs.keys()].filter((name) => setXattr && !FOREIGN_XATTRS.has(name));
    if (names.length > 0) directoryXattrs.set(path, new Set(names));
  }

  function setXattrs(path: string, entry: LayerEntry): void {
    for (const [name, value] of entry.xattrs) {
      const applied = overlayName(name);
      if (!setXattr || FOREIGN_XATTRS.has(name)) onSkipped({ path, what: "xattr", name });
      else guard(path, () => setXattr(at(path), applied, value));
    }
  }

  /** An attribute that an overlay file system would take as its own is hidden from it in the way it undoes. */
  function overlayName(name: string): string {
    if (options.whiteouts !== "overlay") return name;
    return name.replace(/^(trusted|user)\.overlay\./, "$1.overlay.overlay.");
  }

  function setMetadata(path: string, kind: FileTreeKind, entry: LayerEntry): void {
    const { uid, gid, mode, mtimeSeconds } = entry;
    guard(path, () => {
      if (owners) lchownSync(at(path), uid, gid);
    });
    if (kind === "directory") replaceXattrs(path, entry);
    setXattrs(path, entry);
    guard(path, () => {
      if (kind === "directory" && laterModes) laterModes.set(path, mode);
      else if (kind !== "symlink") chmodSync(at(path), mode);
      if (kind !== "directory") lutimesSync(at(path), mtimeSeconds, mtimeSeconds);
    });
  }

  const pool = createFilePool();
  const { opening = createDiskPace(), setting = createDiskPace() } = options;

  function isPooled({ size, xattrs }: LayerEntry): boolean {
    if (options.fileWrites === "blocking" || size > MAX_POOLED_BYTES || xattrs.size > 0) return false;
    return options.fileWrites === "pooled" || opening.isSlow;
  }

  function createFile(path: string, entry: LayerEntry): FileSink {
    return isPooled(entry) ? pooledFile(path, entry) : blockingFile(path, entry);
  }

  /** A file whose content is gathered, and written by the pool. */
  function pooledFile(path: string, entry: LayerEntry): FileSink {
    const pieces: Uint8Array[] = [];
    return {
      // Copies: the bytes are the reader's again after this call.
      write: (bytes) => pieces.push(Uint8Array.from(bytes)),
      close: () => {
        const content = Buffer.concat(pieces);
        pool.add(content.length, () => writeFile(path, entry, content));
      },
      abandon: () => {},
    };
  }

  /** Mostly it is making a file that takes long: what follows is handed to a thread only where it does too. */
  async function writeFile(path: string, entry: LayerEntry, content: Buffer): Promise<void> {
    const fd = await pooled.open(at(path), CREATE, 0o600).catch((error: unknown) => {
      throw refusal(path, error);
    });
    if (options.fileWrites !== "pooled" && !setting.isSlow) {
      const file = openedFile(fd, path, entry);
      try {
        file.write(content);
      } catch (error) {
        file.abandon();
        throw error;
      }
      return file.close();
    }
    try {
      for (let done = 0; done < content.length; ) {
        done += (await pooled.write(fd, content, done)).bytesWritten;
      }
      if (owners) await pooled.fchown(fd, entry.uid, entry.gid);
      await pooled.fchmod(fd, entry.mode);
      await pooled.futimes(fd, entry.mtimeSeconds, entry.mtimeSeconds);
    } finally {
      await pooled.close(fd);
    }
  }

  function blockingFile(path: string, entry: LayerEntry): FileSink {
    const fd = guard(path, () => opening.measure(() => openSync(at(path), CREATE, 0o600)));
    return openedFile(fd, path, entry);
  }

  /** A file that was made, and is filled by calls that block. */
  function openedFile(fd: number, path: string, entry: LayerEntry): FileSink {
    return {
      write: (bytes) => {
        for (let done = 0; done < bytes.byteLength; ) done += writeSync(fd, bytes, done);
      },
      close: () => {
        try {
          setting.measure(() => {
            if (owners) fchownSync(fd, entry.uid, entry.gid);
            if (entry.xattrs.size > 0) setXattrs(path, entry);
            fchmodSync(fd, entry.mode);
            futimesSync(fd, entry.mtimeSeconds, entry.mtimeSeconds);
          });
        } finally {
          closeSync(fd);
        }
      },
      abandon: () => closeSync(fd),
    };
  }

  function remove(path: string): void {
    laterModes?.delete(path);
    directoryXattrs.delete(path);
    const place = at(path);
    if (!lstatSync(place).isDirectory()) {
      unlinkSync(place);
      return;
    }
    for (const name of list(path)) remove(`${path}/${name}`);
    rmdirSync(place);
  }

  function list(path: string): string[] {
    return readdirSync(at(path), { encoding: "buffer" }).map(entryNameText);
  }

  return {
    pool,
    kindOf: (path) => guard(path, () => kindOf(lstatSync(at(path), { throwIfNoEntry: false }))),
    readLink: (path) => entryNameText(readlinkSync(at(path), { encoding: "buffer" })),
    list,
    makeDirectory: (path) =>
      guard(path, () => {
        mkdirSync(at(path), 0o755);
        chmodSync(at(path), 0o755);
      }),
    makeSymlink: (path, target) => guard(path, () => symlinkSync(entryNameBytes(target), at(path))),
    makeLink: (path, existing) => guard(path, () => linkSync(at(existing), at(path))),
    makeNode: (path, entry) => {
      if (!makeNode) {
        onSkipped({ path, what: "node", name: entry.kind });
        const sink = blockingFile(path, { ...entry, mode: 0, xattrs: new Map() });
        sink.close();
        return;
      }
      const kind = entry.kind as DeviceNode["kind"];
      guard(path, () => makeNode(at(path), { kind, major: entry.deviceMajor, minor: entry.deviceMinor }));
      setMetadata(path, "other", entry);
    },
    createFile,
    makeWhiteout: (path) =>
      guard(path, () => makeNode?.(at(path), { kind: "character-device", major: 0, minor: 0 })),
    markOpaque: (path) =>
      guard(path, () => setXattr?.(at(path), `${options.overlayNamespace}.overlay.opaque`, Buffer.from("y"))),
    remove: (path) => guard(path, () => remove(path)),
    setMetadata,
    timesOf: (path) => {
      const { atimeMs, mtimeMs } = lstatSync(at(path));
      return { atimeSeconds: atimeMs / 1000, mtimeSeconds: mtimeMs / 1000 };
    },
    setTimes: (path, { atimeSeconds, mtimeSeconds }) => utimesSync(at(path), atimeSeconds, mtimeSeconds),
    finish() {
      for (const [path, mode] of laterModes ?? []) chmodSync(at(path), mode);
    },
  };
}

function kindOf(stats: Stats | undefined): FileTreeKind | undefined {
  if (!stats) return undefined;
  if (stats.isDirectory()) return "directory";
  if (stats.isSymbolicLink()) return "symlink";
  return stats.isFile() ? "file" : "other";
}

/** What the system says of a name or link that a layer should not have; other failures are the disk's. */
const REFUSALS: ReadonlySet<unknown> = new Set([
  "EEXIST",
  "EILSEQ",
  "EINVAL",
  "EISDIR",
  "ELOOP",
  "EMLINK",
  "ENAMETOOLONG",
  "ENOENT",
  "ENOTDIR",
]);

function guard<T>(path: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw refusal(path, error);
  }
}

/** The error for what the system says of a path. */
function refusal(path: string, error: unknown): unknown {
  if (!REFUSALS.has((error as NodeJS.ErrnoException)?.code)) return error;
  const message = `the file system refuses ${shownPath(path)}: ${(error as Error).message.slice(0, 80)}`;
  return new OciError("ERR_OCI_ENTRY_REFUSED", message, { cause: error });
}

/** Names that differ must be different files: else a link could be reached by a name that was never seen to be one. */
function assertExactNames(base: string): void {
  if (process.platform === "win32") {
    throw new OciError("ERR_OCI_UNSUPPORTED", "layers cannot be applied to a directory of Windows");
  }
  const times = lstatSync(base);
  const stem = `.lading-${process.pid}-${Math.random().toString(36).slice(2)}-`;
  const probe = `${base}/${stem}\u00e9`;
  closeSync(openSync(probe, CREATE, 0o600));
  try {
    for (const other of [`${stem}\u00c9`, `${stem}e\u0301`, `${stem.toUpperCase()}\u00e9`]) {
      if (!lstatSync(`${base}/${other}`, { throwIfNoEntry: false })) continue;
      throw new OciError("ERR_OCI_UNSUPPORTED", `${base} takes different names for the same file`);
    }
  } finally {
    unlinkSync(probe);
    utimesSync(base, times.atimeMs / 1000, times.mtimeMs / 1000);
  }
}
