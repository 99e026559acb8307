/**
 * Unpacking the archive of a directory below a fresh directory of its own.
 *
 * @module
 */
import { chmod, link, mkdir, open, symlink } from "node:fs/promises";
import { join, posix } from "node:path";
import type { ByteStream } from "../../core/bytes.ts";
import type { Digest } from "../../core/digest.ts";
import type { SignalOptions } from "../../core/signal.ts";
import { entryNameBytes, type LayerEntryContent, type LayerEntryKind } from "../layers/entry.ts";
import type { LayerLimits } from "../layers/limits.ts";
import { readLayer } from "../layers/read.ts";
import { writeAll } from "../stores/verified-file.ts";
import { refusedTitle } from "./title.ts";

/** Options of {@link unpackDirectory}. */
export interface UnpackOptions extends SignalOptions, LayerLimits {
  /** What the uncompressed archive must hash to. Absent: not checked. */
  contentDigest?: Digest | undefined;
}

/**
 * Unpacks an archive below a directory that nobody else writes to and that holds nothing.
 *
 * Owners, times and extended attributes are not set, and set-user-id bits are dropped. A symbolic link must end inside the
 * title's directory; nothing is written through one. What was written stays when it fails.
 *
 * @param title Where every entry has to be.
 * @throws {OciError} `ERR_OCI_ENTRY_REFUSED` for an entry elsewhere, twice, below what is no directory, or of another
 * kind than file, directory and link; and as `readLayer` does.
 */
export async function unpackDirectory(
  content: ByteStream,
  directory: string,
  title: string,
  { contentDigest, ...options }: UnpackOptions,
): Promise<void> {
  // What was made here, by its path: the directory holds nothing else, so a parent that is a directory is no link.
  const made = new Map<string, LayerEntryKind>();
  const modes: [path: string, mode: number][] = [];
  const makeParents = async (path: string): Promise<void> => {
    if (path === "." || made.get(path) === "directory") return;
    if (made.has(path)) throw refusedTitle(path, "is no directory, and an entry lies below it");
    await makeParents(posix.dirname(path));
    await mkdir(join(directory, path));
    made.set(path, "directory");
  };
  for await (const entry of readLayer(content, { ...options, diffId: contentDigest })) {
    const { path, kind } = entry;
    if (path !== title && !path.startsWith(`${title}/`)) {
      // The directories above a title may be entries of their own.
      if (kind === "directory" && (path === "" || title.startsWith(`${path}/`))) continue;
      throw refusedTitle(path, `is outside ${JSON.stringify(title)}`);
    }
    checkEntry(entry, title);
    const known = made.get(path);
    if (known !== undefined && !(known === "directory" && kind === "directory")) {
      throw refusedTitle(path, "is in the archive twice");
    }
    await makeParents(posix.dirname(path));
    await make(entry, directory, made);
    made.set(path, kind);
    if (kind === "directory") modes.push([join(directory, path), entry.mode & 0o777]);
  }
  if (made.get(title) !== "directory") throw refusedTitle(title, "is no directory in its archive");
  // Last, since a directory may be read-only; deepest first.
  for (const [path, mode] of modes.reverse()) await chmod(path, mode | 0o700);
}

function checkEntry({ path, kind, target }: LayerEntryContent, title: string): void {
  if (typeof entryNameBytes(path) !== "string" || typeof entryNameBytes(target) !== "string") {
    throw refusedTitle(path, "is no UTF-8");
  }
  if (path.includes("\\")) throw refusedTitle(path, "holds a backslash");
  if (kind === "symlink") {
    if (!staysInside(path, target, title)) throw refusedTitle(path, "is a link that leads out");
  } else if (kind !== "file" && kind !== "directory" && kind !== "link") {
    throw refusedTitle(path, `is a ${kind}`);
  }
}

/**
 * Whether a symbolic link ends inside a directory, whatever other links there are: `..` stands at the front only, where it
 * goes up directories that were made here, and never behind a name that could be a link itself.
 */
function staysInside(path: string, target: string, title: string): boolean {
  if (target === "" || target.startsWith("/") || target.includes("\\")) return false;
  const parts = target.split("/").filter((part) => part !== "" && part !== ".");
  const down = parts.findIndex((part) => part !== "..");
  if (down >= 0 && parts.slice(down).includes("..")) return false;
  const end = posix.join(posix.dirname(path), ...parts);
  return end === title || end.startsWith(`${title}/`);
}

async function make(
  entry: LayerEntryContent,
  directory: string,
  made: ReadonlyMap<string, LayerEntryKind>,
): Promise<void> {
  const { path, kind, target, mode, content } = entry;
  const place = join(directory, path);
  if (kind === "directory") {
    if (!made.has(path)) await mkdir(place);
  } else if (kind === "symlink") {
    await symlink(target, place);
  } else if (kind === "link") {
    // Only to a file that was made here: its path leads through directories that were made here too.
    if (made.get(target) !== "file") throw refusedTitle(path, "is a link to what is no file before it");
    await link(join(directory, target), place);
  } else {
    const handle = await open(place, "wx", mode & 0o777);
    try {
      let position = 0;
      for await (const chunk of content) {
        await writeAll(handle, chunk, position);
        position += chunk.byteLength;
      }
    } finally {
      await handle.close();
    }
  }
}
