/**
 * Applying layers to a directory.
 *
 * @module
 */
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { ByteStream } from "../../core/bytes.ts";
import type { Digest } from "../../core/digest.ts";
import type { SignalOptions } from "../../core/signal.ts";
import {
  createLayerApplier,
  type LayerApplier,
  type LayerBehaviour,
  type WhiteoutForm,
} from "./apply-entry.ts";
import { createDiskTree, type SkippedItem, type SystemCalls } from "./disk-tree.ts";
import type { FilePool } from "./file-pool.ts";
import type { FileSink } from "./file-tree.ts";
import { type LayerLimits, resolveLimits } from "./limits.ts";
import { type LayerFacts, readLayerEvents } from "./read.ts";
import type { TarEvent } from "./tar-parser.ts";

/** One layer to be read, perhaps more than once. */
export interface LayerSource {
  /** Its content, compressed or not, from the beginning. */
  open(options: SignalOptions): ByteStream;
  /** What it must unpack to. Absent: not checked. */
  diffId?: Digest | undefined;
}

/** Options of {@link applyLayers}. */
export interface ApplyLayersOptions extends SignalOptions, LayerLimits, SystemCalls {
  /** Which program is followed where peers differ. Default `"containerd"`. */
  behaviour?: LayerBehaviour | undefined;
  /**
   * `"remove"`, the default, removes what a whiteout hides. `"overlay"` writes whiteouts as an overlay file system
   * reads them, and needs `makeNode` and `setXattr`.
   */
  whiteouts?: WhiteoutForm | undefined;
  /** Attributes that mark opaque directories: of root, the default, or of any user. */
  overlayNamespace?: "trusted" | "user" | undefined;
  /** Whether files get the owners of the archive. Default: if the process runs as root. */
  owners?: boolean | undefined;
  /**
   * How files of up to a mebibyte are written: by calls that wait (`"blocking"`), by several threads at a time
   * (`"pooled"`), or in the way that suits the disk (`"auto"`, the default): made by threads where it takes long to make
   * a file, and also filled by them where it takes long to set owner, mode and time.
   */
  fileWrites?: "auto" | "blocking" | "pooled" | undefined;
  /**
   * Unpack beside the directory, and rename in place once every layer is applied and its diff id verified: on a
   * failure there is nothing. The directory must not exist, or be empty. Default false.
   */
  staged?: boolean | undefined;
}

/** What {@link applyLayers} did. */
export interface AppliedLayers {
  /** Digests of the uncompressed layers, bottom to top. */
  diffIds: Digest[];
  /** Entries of all layers. */
  entries: number;
  /** Whether files got the owners of the archive. */
  ownersApplied: boolean;
  /** What the file system did not get, at most the first 1000. */
  skipped: SkippedItem[];
  /** How many there are of these. */
  skippedCount: number;
}

const MAX_SKIPPED_LISTED = 1000;

/** Longest time in milliseconds without a turn of the event loop, checked between entries. */
const SLICE_MS = 20;

/**
 * Applies layers, bottom to top, to a directory, which is made if it is missing.
 *
 * Nothing is written outside the directory, whatever names and links a layer has: links are resolved as a process in
 * the container would see them. This holds as long as no one else writes to the directory meanwhile. Files are
 * written by synchronous calls in slices of some 20 ms. Devices, fifos and extended attributes need
 * {@link SystemCalls}; without them the result tells what is missing, and an empty file stands for a device.
 *
 * On a failure what was applied stays, unless `staged`. Errors of the disk (`ENOSPC`, `EACCES`) and of a source come
 * out unchanged.
 *
 * @throws {OciError} What `readLayer` throws; `ERR_OCI_ENTRY_REFUSED` for an entry that cannot be applied;
 * `ERR_OCI_UNSUPPORTED` for a file system that folds upper and lower case.
 * @throws {TypeError} for `whiteouts: "overlay"` without `makeNode` and `setXattr`.
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#applying-changesets}
 */
export async function applyLayers(
  layers: Iterable<LayerSource> | AsyncIterable<LayerSource>,
  directory: string,
  options: ApplyLayersOptions = {},
): Promise<AppliedLayers> {
  options.signal?.throwIfAborted();
  resolveLimits(options);
  if (options.whiteouts === "overlay" && !(options.makeNode && options.setXattr)) {
    throw new TypeError("whiteouts of an overlay file system need makeNode and setXattr");
  }
  const target = resolve(directory);
  if (!options.staged) {
    await mkdir(target, { recursive: true });
    return applyTo(layers, target, options);
  }
  await mkdir(dirname(target), { recursive: true });
  const staging = await mkdtemp(join(dirname(target), `.${basename(target)}.`));
  try {
    const tree = join(staging, "tree");
    await mkdir(tree, { mode: 0o755 });
    const applied = await applyTo(layers, tree, options);
    options.signal?.throwIfAborted();
    await rename(tree, target);
    return applied;
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

async function applyTo(
  layers: Iterable<LayerSource> | AsyncIterable<LayerSource>,
  directory: string,
  options: ApplyLayersOptions,
): Promise<AppliedLayers> {
  const owners = options.owners ?? process.geteuid?.() === 0;
  const result: AppliedLayers = {
    diffIds: [],
    entries: 0,
    ownersApplied: owners,
    skipped: [],
    skippedCount: 0,
  };
  const { overlayNamespace = "trusted", whiteouts = "remove", behaviour = "containerd" } = options;
  const tree = createDiskTree(directory, {
    owners,
    overlayNamespace,
    whiteouts,
    fileWrites: options.fileWrites ?? "auto",
    makeNode: options.makeNode,
    setXattr: options.setXattr,
    removeXattr: options.removeXattr,
    onSkipped: (item) => {
      if (result.skippedCount++ < MAX_SKIPPED_LISTED) result.skipped.push(item);
    },
  });
  const applier = createLayerApplier(tree, { behaviour, whiteouts });
  try {
    for await (const layer of layers) {
      // The tree has written or copied what it was given.
      const given = { ...options, pool: tree.pool, giveBackChunks: true };
      result.diffIds.push(await applyLayer(layer, applier, given, () => result.entries++));
    }
  } finally {
    tree.finish();
  }
  return result;
}

/** Applies one layer and gives its diff id. */
export async function applyLayer(
  layer: LayerSource,
  applier: LayerApplier,
  options: SignalOptions & LayerLimits & { pool?: FilePool | undefined; giveBackChunks?: boolean },
  onEntry: () => void,
): Promise<Digest> {
  const { signal, pool } = options;
  const facts: LayerFacts = { compression: undefined, diffId: undefined };
  let sink: FileSink | undefined;
  const onEvent = (event: TarEvent): void => {
    if (event.kind === "entry") {
      onEntry();
      sink = applier.apply(event.entry);
    } else if (event.kind === "data") sink?.write(event.bytes);
    else {
      const done = sink;
      sink = undefined;
      done?.close();
    }
  };
  applier.beginLayer();
  try {
    let slice = performance.now();
    for await (const next of readLayerEvents(
      layer.open({ signal }),
      { ...options, diffId: layer.diffId },
      facts,
    )) {
      for (let event = next(); event; event = next()) {
        if (pool?.busy && event.kind === "entry" && !applier.isNew(event.entry)) await pool.settle();
        onEvent(event);
        if (pool?.full) await pool.room();
        if (performance.now() - slice > SLICE_MS) {
          // A timer would wait for at least a millisecond.
          await nextTurn();
          signal?.throwIfAborted();
          slice = performance.now();
        }
      }
    }
    await pool?.settle();
  } catch (error) {
    sink?.abandon();
    // Nothing may be written any more once this has failed.
    await pool?.settle().catch(() => {});
    throw error;
  }
  applier.endLayer();
  if (!facts.diffId) throw new Error("a layer was read to its end and has no digest");
  return facts.diffId;
}
