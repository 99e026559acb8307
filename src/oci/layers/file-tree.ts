/**
 * What layers are applied to: a directory on disk, or a tree in memory.
 *
 * Paths are below the root, cleaned, and hold no symbolic link except perhaps as their last component: whoever calls
 * has resolved them. No function follows a last component that is a link.
 *
 * @module
 */
import type { LayerEntry } from "./entry.ts";

/** What stands at a path. */
export type FileTreeKind = "file" | "directory" | "symlink" | "other";

/** When something was read and changed, in seconds since 1970. */
export interface FileTimes {
  atimeSeconds: number;
  mtimeSeconds: number;
}

/** A tree of files. All functions are synchronous: many small files cost no turns of the event loop. */
export interface FileTree {
  /** What stands at a path, or nothing. */
  kindOf(path: string): FileTreeKind | undefined;
  /** Text of a symbolic link. */
  readLink(path: string): string;
  /** Names in a directory. */
  list(path: string): string[];
  /** Makes a directory, with mode 0o755 until its metadata is set. */
  makeDirectory(path: string): void;
  makeSymlink(path: string, target: string): void;
  /** Makes another name for what stands at a path; a symbolic link gets a second name, not what it leads to. */
  makeLink(path: string, existing: string): void;
  /** Makes a device or fifo, or what stands for one. */
  makeNode(path: string, entry: LayerEntry): void;
  /** Makes a file and gives what takes its content. */
  createFile(path: string, entry: LayerEntry): FileSink;
  /** Marks a path as hidden, for an overlay file system. */
  makeWhiteout(path: string): void;
  /** Marks a directory as hiding all that is below it in lower ones, for an overlay file system. */
  markOpaque(path: string): void;
  /** Removes what stands at a path, with all below it. */
  remove(path: string): void;
  /** Sets owner, extended attributes, mode and times of anything but a file that is being written. */
  setMetadata(path: string, kind: FileTreeKind, entry: LayerEntry): void;
  timesOf(path: string): FileTimes;
  setTimes(path: string, times: FileTimes): void;
}

/** A file that is being written. */
export interface FileSink {
  write(bytes: Uint8Array): void;
  /** Ends the content, sets the metadata, releases the file. */
  close(): void;
  /** Releases the file without more, after a failure. */
  abandon(): void;
}
