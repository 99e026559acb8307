/**
 * A directory as one layer of an artifact: a compressed archive in a temporary file.
 *
 * @module
 */
import { createReadStream, createWriteStream } from "node:fs";
import { lstat, mkdtemp, readdir, readFile, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { type Header, type Pack, pack } from "tar-stream";
import { createDigester, type Digest } from "../../core/digest.ts";
import { OCI_LAYER_GZIP } from "../../core/media-types.ts";
import type { SignalOptions } from "../../core/signal.ts";
import type { Descriptor } from "../descriptor.ts";
import { withFileErrors } from "../stores/files.ts";
import { refusedTitle } from "./title.ts";

/** Files up to this length are read at once: a stream for each small file costs more than its bytes. */
const SMALL_BYTES = 1024 * 1024;

/** A directory that was packed. */
export interface DirectoryLayer {
  descriptor: Descriptor;
  /** Digest of the uncompressed archive. */
  contentDigest: Digest;
  /** The compressed archive, as often as it is asked for. */
  open(): AsyncIterable<Uint8Array>;
  /** Removes the temporary file. */
  remove(): Promise<void>;
}

/**
 * Packs a directory; equal files give equal bytes: entries are sorted, belong to user and group 0, and have the time 0.
 *
 * @param title What the names in the archive begin with.
 * @throws {OciError} `ERR_OCI_ENTRY_REFUSED` for what is no file, directory or symbolic link; `ERR_OCI_FILE`.
 */
export async function packDirectory(
  directory: string,
  title: string,
  { signal }: SignalOptions,
): Promise<DirectoryLayer> {
  return withFileErrors(async () => {
    const folder = await mkdtemp(join(tmpdir(), "lading-artifact-"));
    const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
    try {
      const path = join(folder, "layer.tar.gz");
      const content = createDigester();
      const compressed = createDigester();
      const archive = pack();
      const filled = addDirectory(archive, directory, title, signal).then(() => archive.finalize());
      filled.catch((error: Error) => archive.destroy(error));
      const written = pipeline(
        archive as AsyncIterable<Uint8Array>,
        async function* (source: AsyncIterable<Uint8Array>) {
          for await (const chunk of source) {
            content.update(chunk);
            yield chunk;
          }
        },
        createGzip({ chunkSize: SMALL_BYTES }),
        async function* (source: AsyncIterable<Buffer>) {
          for await (const chunk of source) {
            // The header names the operating system that compressed: always "unknown", so that bytes are the same.
            if (compressed.size === 0) chunk[9] = 255;
            compressed.update(chunk);
            yield chunk;
          }
        },
        createWriteStream(path),
        signal ? { signal } : {},
      );
      const [packed, stored] = await Promise.allSettled([filled, written]);
      signal?.throwIfAborted();
      if (packed.status === "rejected") throw packed.reason;
      if (stored.status === "rejected") throw stored.reason;
      const { size } = compressed;
      const descriptor = { mediaType: OCI_LAYER_GZIP, digest: compressed.digest(), size };
      return { descriptor, contentDigest: content.digest(), open: () => createReadStream(path), remove };
    } catch (error) {
      await remove();
      throw error;
    }
  });
}

async function addDirectory(
  archive: Pack,
  path: string,
  name: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { mode } = await lstat(path);
  await addEntry(archive, { name: `${name}/`, type: "directory", mode: mode & 0o7777 });
  const entries = await readdir(path, { withFileTypes: true });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    signal?.throwIfAborted();
    const below = join(path, entry.name);
    const title = `${name}/${entry.name}`;
    if (entry.isDirectory()) await addDirectory(archive, below, title, signal);
    else if (entry.isFile()) await addFile(archive, below, title);
    else if (entry.isSymbolicLink()) {
      await addEntry(archive, { name: title, type: "symlink", linkname: await readlink(below), mode: 0o777 });
    } else throw refusedTitle(title, "is no file, directory or symbolic link");
  }
}

async function addFile(archive: Pack, path: string, name: string): Promise<void> {
  const { mode, size } = await lstat(path);
  const header = { name, size, mode: mode & 0o7777 };
  if (size > SMALL_BYTES) {
    // A file that shrinks or grows meanwhile makes the archive fail.
    await pipeline(createReadStream(path), archive.entry(withOwner(header)));
    return;
  }
  const content = await readFile(path);
  await addEntry(archive, { ...header, size: content.byteLength }, content);
}

type EntryHeader = Partial<Header> & Pick<Header, "name">;

function withOwner(header: EntryHeader): EntryHeader {
  return { ...header, uid: 0, gid: 0, mtime: new Date(0) };
}

function addEntry(archive: Pack, header: EntryHeader, content?: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: Error | null): void => (error ? reject(error) : resolve());
    if (content) archive.entry(withOwner(header), content, done);
    else archive.entry(withOwner(header), done);
  });
}
