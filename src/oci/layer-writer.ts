/**
 * Layers made from files at hand: equal files give equal bytes.
 *
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md}
 * @module
 */
import { promisify } from "node:util";
import { gzip, zstdCompress } from "node:zlib";
import { type Header, pack } from "tar-stream";
import { collectBytes } from "../core/bytes.ts";
import { digestOf } from "../core/digest.ts";
import { OCI_LAYER, OCI_LAYER_GZIP, OCI_LAYER_ZSTD } from "../core/media-types.ts";
import type { ImageLayer } from "./artifact.ts";
import { describeContent } from "./descriptor.ts";

/** One entry of a layer. */
export type LayerFile = {
  /** Path below the root, such as `etc/motd`. A slash in front counts for nothing. */
  path: string;
  /** Permission bits. Default 0o644 for files, 0o755 for directories. */
  mode?: number | undefined;
} & (
  | { kind?: "file" | undefined; content: Uint8Array | string }
  | { kind: "directory" }
  /** The target of a symbolic link is any text. */
  | { kind: "symlink"; target: string }
  /** The target of a hard link is a path below the root. */
  | { kind: "link"; target: string }
);

/** Options of {@link createLayer}. */
export interface CreateLayerOptions {
  /** Default `"gzip"`. */
  compression?: "gzip" | "zstd" | "none" | undefined;
  /** Time of every entry, in seconds since 1970. Default 0. */
  mtimeSeconds?: number | undefined;
}

type EntryHeader = Partial<Header> & Pick<Header, "name">;

const WHITEOUT = ".wh.";

/**
 * A layer that holds these files, as bytes in memory.
 *
 * Entries are sorted, whiteouts before what is beside them; owner and group are 0; directories that are not
 * given are added with mode 0o755. Device nodes cannot be made.
 *
 * @throws {TypeError} for a path that is empty, given twice, or has `..`, a backslash or a NUL.
 */
export async function createLayer(
  files: readonly LayerFile[],
  { compression = "gzip", mtimeSeconds = 0 }: CreateLayerOptions = {},
): Promise<ImageLayer> {
  const entries = withParents(files);
  const archive = pack();
  const mtime = new Date(mtimeSeconds * 1000);
  const tar = collectBytes(archive as AsyncIterable<Uint8Array>, { maxBytes: Number.MAX_SAFE_INTEGER });
  for (const [path, file] of [...entries].sort(([a], [b]) => compareEntries(a, b))) {
    const [header, content] = entryOf(path, file, mtime);
    await new Promise<void>((resolve, reject) => {
      const done = (error?: Error | null): void => (error ? reject(error) : resolve());
      if (content) archive.entry(header, content, done);
      else archive.entry(header, done);
    });
  }
  archive.finalize();
  const uncompressed = await tar;
  const diffId = digestOf(uncompressed);
  if (compression === "none") {
    return { descriptor: describeContent(uncompressed, OCI_LAYER), content: uncompressed, diffId };
  }
  if (compression === "zstd") {
    const content = await promisify(zstdCompress)(uncompressed);
    return { descriptor: describeContent(content, OCI_LAYER_ZSTD), content, diffId };
  }
  const content = await promisify(gzip)(uncompressed);
  // The header names the operating system that compressed: always "unknown", so that bytes are the same.
  content[9] = 255;
  return { descriptor: describeContent(content, OCI_LAYER_GZIP), content, diffId };
}

function withParents(files: readonly LayerFile[]): Map<string, LayerFile> {
  const entries = new Map<string, LayerFile>();
  for (const file of files) {
    const path = cleanPath(file.path);
    if (entries.has(path))
      throw new TypeError(`two entries of a layer with the path ${JSON.stringify(path)}`);
    entries.set(path, file);
  }
  for (const path of [...entries.keys()]) {
    for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
      const parent = path.slice(0, end);
      const existing = entries.get(parent);
      if (existing && existing.kind !== "directory") {
        throw new TypeError(`${JSON.stringify(path)} lies below an entry that is no directory`);
      }
      if (!existing) entries.set(parent, { kind: "directory", path: parent });
    }
  }
  return entries;
}

function cleanPath(path: string): string {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.length === 0 || parts.includes("..") || /[\0\\]/.test(path)) {
    throw new TypeError(`no path of a layer: ${JSON.stringify(path)}`);
  }
  return parts.join("/");
}

function entryOf(path: string, file: LayerFile, mtime: Date): [EntryHeader, Uint8Array | undefined] {
  const base = { uid: 0, gid: 0, mtime };
  switch (file.kind) {
    case "directory":
      return [{ ...base, name: `${path}/`, type: "directory", mode: file.mode ?? 0o755 }, undefined];
    case "symlink":
      if (file.target === "" || file.target.includes("\0")) {
        throw new TypeError(`no target of a symbolic link: ${JSON.stringify(file.target)}`);
      }
      return [
        { ...base, name: path, type: "symlink", linkname: file.target, mode: file.mode ?? 0o777 },
        undefined,
      ];
    case "link":
      return [
        { ...base, name: path, type: "link", linkname: cleanPath(file.target), mode: file.mode ?? 0o644 },
        undefined,
      ];
    default: {
      const content = typeof file.content === "string" ? Buffer.from(file.content) : file.content;
      return [
        { ...base, name: path, type: "file", size: content.byteLength, mode: file.mode ?? 0o644 },
        content,
      ];
    }
  }
}

/** By components, so that a directory stands right before what is in it. */
function compareEntries(a: string, b: string): number {
  const [left, right] = [a.split("/"), b.split("/")];
  for (const [i, part] of left.entries()) {
    const other = right[i];
    if (other === undefined) return 1;
    if (part === other) continue;
    const whiteouts = Number(other.startsWith(WHITEOUT)) - Number(part.startsWith(WHITEOUT));
    return whiteouts || (part < other ? -1 : 1);
  }
  return left.length - right.length;
}
