/**
 * Single files out of eStargz layers, without reading the layer.
 *
 * @module
 */
import { type ByteStream, collectBytes } from "../../core/bytes.ts";
import { type Digest, parseDigest, verifyBytes } from "../../core/digest.ts";
import type { SignalOptions } from "../../core/signal.ts";
import type { Descriptor } from "../descriptor.ts";
import { OciError } from "../errors.ts";
import type { RangeFetcher } from "../store.ts";
import { decompressLayer } from "./decompress.ts";
import { cleanEntryPath, shownPath } from "./entry.ts";
import { invalidLayer, type LayerLimits, resolveLimits } from "./limits.ts";
import { readLayer } from "./read.ts";
import {
  FOOTER_BYTES,
  parseStargzFooter,
  parseStargzToc,
  STARGZ_TOC_DIGEST,
  type StargzChunk,
  type StargzEntry,
} from "./stargz-toc.ts";

/** Options of {@link openStargz}. */
export interface OpenStargzOptions extends SignalOptions, LayerLimits {
  /** Digest of the TOC's JSON text. Default: the descriptor's annotation; there must be one. */
  tocDigest?: Digest | undefined;
  /** Longest TOC, in bytes. Default 64 MiB. */
  maxTocBytes?: number | undefined;
}

/** An eStargz layer of which parts are read. */
export interface StargzLayer {
  /** What the layer holds, by path: whiteouts and landmarks are among it, as in the archive. */
  readonly entries: ReadonlyMap<string, StargzEntry>;
  /**
   * Content of a file, chunk by chunk; each is compared with its digest before it is delivered. Hard links are
   * followed, symbolic links are not.
   *
   * Fails with an `OciError` `ERR_OCI_NOT_FOUND` for what is no file, and `ERR_OCI_LAYER_INVALID`,
   * `ERR_SIZE_MISMATCH` or `ERR_DIGEST_MISMATCH` for content that is not what the TOC says.
   */
  readFile(path: string, options?: SignalOptions): ByteStream;
}

/**
 * Reads the table of contents of an eStargz layer, so that single files can be fetched by range.
 *
 * The table is compared with its digest, and each chunk with the table's: as good as the annotation they come from,
 * which is as good as the manifest. The blob's own digest cannot be checked. zstd:chunked is not read.
 *
 * @throws {OciError} `ERR_OCI_UNSUPPORTED` for a layer that is no eStargz, or has no digest of its table;
 * `ERR_OCI_LAYER_INVALID` for a table that is damaged.
 * @throws {CoreError} `ERR_DIGEST_MISMATCH` for another table; `ERR_TOO_LARGE`; `ERR_JSON_…`.
 * @see {@link https://github.com/containerd/stargz-snapshotter/blob/v0.16.3/docs/estargz.md}
 */
export async function openStargz(
  source: RangeFetcher,
  descriptor: Descriptor,
  options: OpenStargzOptions = {},
): Promise<StargzLayer> {
  const { signal, maxTocBytes = 64 * 2 ** 20 } = options;
  const limits = resolveLimits(options);
  const stated = options.tocDigest ?? descriptor.annotations?.[STARGZ_TOC_DIGEST];
  if (stated === undefined) {
    throw new OciError("ERR_OCI_UNSUPPORTED", `no digest of a table of contents for ${descriptor.digest}`);
  }
  const tocDigest = parseDigest(stated);
  const { size } = descriptor;
  const range = (start: number, end: number, given: SignalOptions) =>
    exactly(source.fetchRange(descriptor, start, end, given), end - start);
  const tail = range(Math.max(size - FOOTER_BYTES, 0), size, { signal });
  const footer = parseStargzFooter(await collectBytes(tail, { maxBytes: FOOTER_BYTES, signal }), size);
  if (!footer) throw new OciError("ERR_OCI_UNSUPPORTED", `no eStargz layer: ${descriptor.digest}`);
  let json: Uint8Array | undefined;
  const toc = range(footer.start, footer.end, { signal });
  for await (const { path, content } of readLayer(toc, {
    signal,
    maxEntries: 1,
    maxTotalBytes: maxTocBytes + 4096,
  })) {
    if (path === "stargz.index.json") json = await collectBytes(content, { maxBytes: maxTocBytes, signal });
  }
  if (!json) throw invalidLayer("an eStargz layer without table of contents");
  verifyBytes(json, { digest: tocDigest });
  const entries = parseStargzToc(json, footer.start, maxTocBytes);

  async function* readChunk(chunk: StargzChunk, given: SignalOptions): AsyncGenerator<Uint8Array, void> {
    const member = range(chunk.memberStart, chunk.memberEnd, given);
    const wanted = chunk.skip + chunk.length;
    const parts: Uint8Array[] = [];
    let seen = 0;
    for await (const part of decompressLayer(member, { limits, signal: given.signal })) {
      const from = Math.max(chunk.skip - seen, 0);
      const to = Math.min(wanted - seen, part.byteLength);
      if (to > from) parts.push(part.subarray(from, to));
      seen += part.byteLength;
      if (seen >= wanted) break;
    }
    const content = Buffer.concat(parts);
    verifyBytes(content, { digest: chunk.digest, size: chunk.length });
    yield content;
  }

  return {
    entries,
    async *readFile(path, given = {}) {
      let entry = entries.get(cleanEntryPath(path));
      // A hard link names a file that is no link: more than one step is a circle or a mistake.
      if (entry?.kind === "link") entry = entries.get(entry.target);
      if (entry?.kind !== "file") {
        throw new OciError("ERR_OCI_NOT_FOUND", `the layer holds no file ${shownPath(path)}`);
      }
      for (const chunk of entry.chunks) {
        if (chunk.length > limits.maxFileBytes) throw invalidLayer("a chunk over the limit");
        yield* readChunk(chunk, { signal: given.signal });
      }
    },
  };
}

/** Fails for a stream of another length. */
async function* exactly(stream: ByteStream, length: number): AsyncGenerator<Uint8Array, void> {
  let seen = 0;
  for await (const chunk of stream) {
    seen += chunk.byteLength;
    if (seen > length) throw invalidLayer(`a range of more than the ${length} bytes that were asked for`);
    yield chunk;
  }
  if (seen < length) throw invalidLayer(`a range of ${seen} bytes in place of ${length}`);
}
