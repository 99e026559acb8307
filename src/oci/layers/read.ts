/**
 * Reading a layer: entries one after another, checked, and released when left early.
 *
 * @module
 */
import type { ByteStream } from "../../core/bytes.ts";
import { createDigester, type Digest, digestAlgorithm } from "../../core/digest.ts";
import type { SignalOptions } from "../../core/signal.ts";
import { OciError } from "../errors.ts";
import { decompressLayer, type LayerCompression } from "./decompress.ts";
import type { LayerEntryContent } from "./entry.ts";
import { type LayerLimits, resolveLimits } from "./limits.ts";
import { createTarParser, type TarEvent } from "./tar-parser.ts";

/** Options of {@link readLayer}. */
export interface ReadLayerOptions extends SignalOptions, LayerLimits {
  /** What all uncompressed bytes must hash to, also those behind the end of the archive. Absent: not checked. */
  diffId?: Digest | undefined;
}

/** A layer that is being read. */
export interface LayerReader extends AsyncIterable<LayerEntryContent> {
  /** How the layer is compressed; set once its first bytes are read. */
  readonly compression: LayerCompression | undefined;
  /** Digest of all uncompressed bytes; set once the whole layer is read. */
  readonly diffId: Digest | undefined;
}

/**
 * The entries of a layer, in the order of the archive; whiteouts are entries like others, see {@link whiteoutOf}.
 *
 * Names are cleaned, so that none leaves the root; symbolic links are not followed, and their targets are any text.
 * gzip and zstd are told by their first bytes. Nothing is read before the first entry is asked for, and the source is
 * released on every way out. A digest of the compressed bytes is not checked: a store does that.
 *
 * @throws {OciError} `ERR_OCI_LAYER_INVALID` for what is no tar archive, or a damaged one;
 * `ERR_OCI_ENTRY_REFUSED` for an entry that none may have; `ERR_OCI_LAYER_TOO_LARGE` over a limit;
 * `ERR_OCI_COMPRESSION_UNSUPPORTED`; `ERR_OCI_DIFF_ID_MISMATCH`, before the end is reported.
 * @throws {RangeError} for a limit that is none.
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md}
 */
export function readLayer(content: ByteStream, options: ReadLayerOptions = {}): LayerReader {
  resolveLimits(options);
  const facts: LayerFacts = { compression: undefined, diffId: undefined };
  const entries = readEntries(content, options, facts);
  return {
    [Symbol.asyncIterator]: () => entries,
    get compression() {
      return facts.compression;
    },
    get diffId() {
      return facts.diffId;
    },
  };
}

/** What is known about a layer after it was read. */
export interface LayerFacts {
  compression: LayerCompression | undefined;
  diffId: Digest | undefined;
}

async function* readEntries(
  content: ByteStream,
  options: ReadLayerOptions,
  facts: LayerFacts,
): AsyncGenerator<LayerEntryContent, void> {
  const source = pullEvents(content, options, facts);
  try {
    for (let event = await source.next(); event; event = await source.next()) {
      if (event.kind !== "entry") continue;
      const entry: LayerEntryContent = { ...event.entry, content: none() };
      if (entry.kind !== "file") {
        yield entry;
        continue;
      }
      const reading = { open: true };
      entry.content = contentOf(source, reading);
      yield entry;
      // Content that was not read, or not to its end, is passed over.
      while (reading.open) {
        const data = await source.next();
        if (!data || data.kind === "end") reading.open = false;
      }
    }
  } finally {
    await source.close();
  }
}

async function* none(): AsyncGenerator<Uint8Array, void> {}

async function* contentOf(source: EventSource, reading: { open: boolean }): AsyncGenerator<Uint8Array, void> {
  while (reading.open) {
    const event = await source.next();
    if (event?.kind === "data") yield event.bytes;
    else reading.open = false;
  }
}

interface EventSource {
  next(): Promise<TarEvent | undefined>;
  close(): Promise<void>;
}

/** The events of a layer, each a promise: for readers that take one entry after the other. */
function pullEvents(content: ByteStream, options: ReadLayerOptions, facts: LayerFacts): EventSource {
  const batches = readLayerEvents(content, options, facts);
  let batch: (() => TarEvent | undefined) | undefined;
  return {
    async next() {
      for (;;) {
        const event = batch?.();
        if (event) return event;
        const { done, value } = await batches.next();
        if (done) return undefined;
        batch = value;
      }
    },
    close: async () => {
      await batches.return();
    },
  };
}

/**
 * The events of a layer in batches, each as a function that gives the next one until there is none: many small
 * files come without waiting for each.
 *
 * Every batch must be read to its end. Limits and the diff id are checked as {@link readLayer} does.
 *
 * @param options.giveBackChunks Whether content is not looked at any more once the next batch is asked for.
 */
export async function* readLayerEvents(
  content: ByteStream,
  options: ReadLayerOptions & { giveBackChunks?: boolean | undefined },
  facts: LayerFacts,
): AsyncGenerator<() => TarEvent | undefined, void> {
  const limits = resolveLimits(options);
  const { diffId, signal, giveBackChunks } = options;
  const parser = createTarParser(limits);
  const digester = createDigester(diffId === undefined ? "sha256" : digestAlgorithm(diffId));
  const plain = decompressLayer(content, {
    limits,
    signal,
    giveBackChunks,
    onCompression: (compression) => {
      facts.compression = compression;
    },
  });
  for await (const chunk of plain) {
    digester.update(chunk);
    parser.push(chunk);
    yield parser.next;
  }
  parser.finish();
  const found = digester.digest();
  if (diffId !== undefined && found !== diffId) {
    throw new OciError("ERR_OCI_DIFF_ID_MISMATCH", `the layer unpacks to ${found}, not to ${diffId}`);
  }
  facts.diffId = found;
}
