/**
 * What belongs to an image: read from the source before anything is written.
 *
 * @module
 */
import type { Digest } from "../../core/digest.ts";
import { CoreError } from "../../core/errors.ts";
import type { Descriptor } from "../descriptor.ts";
import { OciError } from "../errors.ts";
import { fetchManifest } from "../fetch.ts";
import type { IndexDocument, Manifest } from "../manifest.ts";
import { isManifestType } from "../manifest-kind.ts";
import { selectManifest } from "../select.ts";
import { forEachBounded } from "./bounded.ts";
import type { CopyImageOptions, CopySource } from "./copy-options.ts";

/** A manifest of a copy. */
export interface CopyNode {
  descriptor: Descriptor;
  manifest: Manifest;
  /** Digests of the manifests that must be in the target before: entries, and the subject. */
  before: Digest[];
}

/** Everything that a copy concerns, each digest once. */
export interface CopyGraph {
  manifests: Map<Digest, CopyNode>;
  blobs: Map<Digest, Descriptor>;
  foreign: Map<Digest, Descriptor>;
}

/** What {@link readGraph} needs: the options of the copy, with their defaults. */
export interface ReadGraphContext {
  source: CopySource;
  platforms: Exclude<CopyImageOptions["platforms"], undefined>;
  referrers: boolean | readonly string[];
  foreignLayers: boolean;
  concurrency: number;
  maxManifestBytes: number;
  maxManifests: number;
  maxDepth: number;
  maxTotalBytes: number;
  signal: AbortSignal | undefined;
}

const FOREIGN = /\.(?:nondistributable|foreign)\./;

/**
 * The graph of a root that was read: manifests by levels, then what refers to them.
 *
 * @throws {CoreError} `ERR_TOO_LARGE` over a limit; and as `fetchManifest` does.
 * @throws {OciError} `ERR_OCI_MANIFEST_INVALID` for one digest with two sizes.
 * @throws {OciError} `ERR_OCI_UNSUPPORTED` where referrers are asked for and the source cannot list them.
 */
export async function readGraph(
  root: { descriptor: Descriptor; manifest: Manifest },
  context: ReadGraphContext,
): Promise<CopyGraph> {
  const { source, maxDepth, maxManifests, signal, concurrency } = context;
  const graph: CopyGraph = { manifests: new Map(), blobs: new Map(), foreign: new Map() };
  const sizes = new Map<Digest, number>();
  let totalBytes = 0;

  const fresh = await readLevels([root]);
  if (context.referrers !== false) {
    let subjects = fresh;
    for (let depth = 0; subjects.length > 0; depth++) {
      if (depth > maxDepth) throw tooMany(`referrers of referrers over ${maxDepth} levels`);
      subjects = await readReferrers(subjects);
    }
  }
  return graph;

  /** Reads manifests and what is below them; gives the ones that are new. */
  async function readLevels(
    start: readonly { descriptor: Descriptor; manifest?: Manifest }[],
  ): Promise<CopyNode[]> {
    const added: CopyNode[] = [];
    let level = start;
    for (let depth = 0; level.length > 0; depth++) {
      if (depth > maxDepth) throw tooMany(`indexes nested over ${maxDepth} levels`);
      const next: { descriptor: Descriptor }[] = [];
      for (const { descriptor } of level) count(descriptor);
      const unknown = [...new Map(level.map((each) => [each.descriptor.digest, each])).values()].filter(
        ({ descriptor }) => !graph.manifests.has(descriptor.digest),
      );
      if (graph.manifests.size + unknown.length > maxManifests) {
        throw tooMany(`more than ${maxManifests} manifests`);
      }
      const read = new Map<Digest, Manifest>();
      await forEachBounded(
        unknown,
        concurrency,
        async ({ descriptor, manifest }, inner) => {
          const found = manifest ?? (await readManifest(descriptor, inner));
          read.set(descriptor.digest, found);
        },
        signal,
      );
      for (const { descriptor } of unknown) {
        const manifest = read.get(descriptor.digest);
        if (!manifest) continue;
        const node = addNode(descriptor, manifest);
        added.push(node);
        next.push(...addContent(node));
      }
      level = next;
    }
    return added;
  }

  function readManifest(descriptor: Descriptor, inner: AbortSignal): Promise<Manifest> {
    return fetchManifest(source, descriptor, { maxBytes: context.maxManifestBytes, signal: inner });
  }

  function addNode(descriptor: Descriptor, manifest: Manifest): CopyNode {
    const { subject } = manifest.value;
    const node: CopyNode = { descriptor, manifest, before: subject ? [subject.digest] : [] };
    graph.manifests.set(descriptor.digest, node);
    return node;
  }

  /** Takes up what a manifest names; gives the manifests among it. */
  function addContent(node: CopyNode): { descriptor: Descriptor }[] {
    const { manifest } = node;
    const entries =
      manifest.kind === "index"
        ? wantedEntries(manifest, context)
        : [manifest.value.config, ...manifest.value.layers];
    const manifests: { descriptor: Descriptor }[] = [];
    for (const entry of entries) {
      // A layer is a blob whatever type it has; only an index names manifests.
      if (manifest.kind === "index" && isManifestType(entry.mediaType)) {
        node.before.push(entry.digest);
        manifests.push({ descriptor: entry });
      } else if (!context.foreignLayers && FOREIGN.test(entry.mediaType) && (entry.urls ?? []).length > 0) {
        graph.foreign.set(entry.digest, entry);
      } else {
        count(entry);
        if (!graph.blobs.has(entry.digest)) graph.blobs.set(entry.digest, entry);
      }
    }
    return manifests;
  }

  function count({ digest, size }: Descriptor): void {
    const declared = sizes.get(digest);
    if (declared === undefined) {
      sizes.set(digest, size);
      totalBytes += size;
      if (totalBytes > context.maxTotalBytes) throw tooMany(`more than ${context.maxTotalBytes} bytes`);
    } else if (declared !== size) {
      throw new OciError(
        "ERR_OCI_MANIFEST_INVALID",
        `${digest} is declared with ${declared} and ${size} bytes`,
      );
    }
  }

  async function readReferrers(subjects: readonly CopyNode[]): Promise<CopyNode[]> {
    const list = source.referrers?.bind(source);
    if (!list) throw new OciError("ERR_OCI_UNSUPPORTED", "the source cannot list referrers");
    const found = new Map<Digest, { descriptor: Descriptor }>();
    const types = typeof context.referrers === "boolean" ? [undefined] : context.referrers;
    await forEachBounded(
      subjects,
      concurrency,
      async ({ descriptor }, inner) => {
        for (const artifactType of types) {
          for await (const each of list(descriptor, { artifactType, signal: inner })) {
            if (artifactType !== undefined && each.artifactType !== artifactType) continue;
            found.set(each.digest, { descriptor: each });
            if (graph.manifests.size + found.size > maxManifests * 2) {
              throw tooMany(`more than ${maxManifests} manifests`);
            }
          }
        }
      },
      signal,
    );
    return readLevels([...found.values()]);
  }
}

/** The entries of an index that are copied. */
function wantedEntries({ value }: IndexDocument, { platforms }: ReadGraphContext): readonly Descriptor[] {
  if (platforms === "all") return value.manifests;
  return [...new Set(platforms.map((platform) => selectManifest(value, platform)))];
}

function tooMany(what: string): CoreError {
  return new CoreError("ERR_TOO_LARGE", `a copy of ${what}`);
}

/** Manifests in groups: what a group needs is in the groups before it. */
export function inOrder({ manifests }: CopyGraph): CopyNode[][] {
  const heights = new Map<Digest, number>();
  const groups: CopyNode[][] = [];
  // Digests cannot lead in a circle. Depth is bounded by the limits under which the graph was read.
  const heightOf = (digest: Digest): number => {
    const known = heights.get(digest);
    if (known !== undefined) return known;
    const node = manifests.get(digest);
    if (!node) return -1;
    const height = 1 + Math.max(-1, ...node.before.map(heightOf));
    heights.set(digest, height);
    return height;
  };
  for (const node of manifests.values()) {
    const height = heightOf(node.descriptor.digest);
    const group = groups[height] ?? [];
    group.push(node);
    groups[height] = group;
  }
  return groups;
}
