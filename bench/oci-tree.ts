/**
 * A layer with the files of a system: many small ones, a few large ones, links, owners, modes and times.
 *
 * @module
 */
import { randomFillSync } from "node:crypto";
import { Readable } from "node:stream";
import { createGzip } from "node:zlib";
import { createDigester, digestOf } from "../src/core/digest.ts";
import type { LayerEntry, LayerEntryKind } from "../src/oci/index.ts";
import { ARCHIVE_END, tarHeader, tarPadding } from "../src/oci/tar/write.ts";
import { type BenchLayer, MEBIBYTE } from "./oci-images.ts";

const NO_ENTRY: LayerEntry = {
  path: "",
  kind: "file",
  mode: 0,
  uid: 0,
  gid: 0,
  userName: "",
  groupName: "",
  mtimeSeconds: 1_600_000_000,
  size: 0,
  target: "",
  deviceMajor: 0,
  deviceMinor: 0,
  xattrs: new Map(),
};

/** A layer of so many files, and the length of its archive in bytes: some 13 KB a file, half of which gzip takes away. */
export async function layerOfFiles(files: number): Promise<BenchLayer & { archiveBytes: number }> {
  const archive = Buffer.concat([...archiveOfFiles(files)]);
  const gzip = createGzip({ level: 4, chunkSize: MEBIBYTE });
  gzip.end(archive);
  const pieces: Buffer[] = [];
  for await (const piece of gzip) pieces.push(piece as Buffer);
  return { bytes: Buffer.concat(pieces), diffId: digestOf(archive), archiveBytes: archive.byteLength };
}

/** A layer of one large file that gzip does not make smaller. */
export async function layerOfOneFile(byteLength: number): Promise<BenchLayer> {
  const noise = randomFillSync(Buffer.allocUnsafeSlow(MEBIBYTE));
  const gzip = createGzip({ level: 0, chunkSize: MEBIBYTE });
  const digester = createDigester();
  function* archive(): Generator<Uint8Array, void> {
    const size = Math.ceil(byteLength / MEBIBYTE) * MEBIBYTE;
    yield tarHeader({ ...NO_ENTRY, path: "file", kind: "file", mode: 0o644, size });
    for (let at = 0; at < size; at += MEBIBYTE) yield noise;
    yield ARCHIVE_END;
  }
  const content = Readable.from(archive());
  content.on("data", (piece: Uint8Array) => digester.update(piece));
  content.pipe(gzip);
  const pieces: Buffer[] = [];
  for await (const piece of gzip) pieces.push(piece as Buffer);
  return { bytes: Buffer.concat(pieces), diffId: digester.digest() };
}

function* archiveOfFiles(files: number): Generator<Uint8Array, void> {
  const noise = randomFillSync(Buffer.allocUnsafeSlow(MEBIBYTE));
  const text = Buffer.alloc(MEBIBYTE, "A line of a text that says nothing, and says it again and again.\n");
  let seed = 1;
  // xorshift: the same tree each time.
  const random = (below: number): number => {
    seed ^= seed << 13;
    seed ^= seed >>> 17;
    seed ^= seed << 5;
    return (seed >>> 0) % below;
  };
  const entry = (path: string, kind: LayerEntryKind, given: Partial<LayerEntry> = {}): Buffer =>
    tarHeader({
      ...NO_ENTRY,
      path,
      kind,
      mode: 0o644,
      uid: random(3) * 500,
      gid: random(3) * 500,
      mtimeSeconds: 1_600_000_000 + random(100_000_000),
      ...given,
    });
  let directory = "";
  for (let file = 0; file < files; file++) {
    if (file % 400 === 0) yield entry(`lib/part-${Math.floor(file / 400)}`, "directory", { mode: 0o755 });
    if (file % 20 === 0) {
      directory = `lib/part-${Math.floor(file / 400)}/package-${Math.floor(file / 20)}`;
      yield entry(directory, "directory", { mode: 0o755 });
    }
    const path = `${directory}/file-${file}.so`;
    const size = 1 << random(16);
    const length = size + random(size) + (file % 50 === 0 ? 200_000 : 0);
    yield entry(path, "file", { mode: file % 10 === 0 ? 0o755 : 0o644, size: length });
    const half = Math.floor(length / 2);
    const from = random(noise.byteLength - half);
    yield noise.subarray(from, from + half);
    yield text.subarray(0, length - half);
    yield tarPadding(length);
    if (file % 10 === 1) yield entry(`${directory}/link-${file}`, "symlink", { target: `file-${file}.so` });
    if (file % 40 === 2) yield entry(`${directory}/other-${file}`, "link", { target: path });
  }
  yield ARCHIVE_END;
}
