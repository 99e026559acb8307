/**
 * What a copy is told, and what it tells.
 *
 * @module
 */
import type { Platform } from "../../core/platform.ts";
import type { PlatformMatcher } from "../../core/platform-match.ts";
import type { SignalOptions } from "../../core/signal.ts";
import type { Descriptor } from "../descriptor.ts";
import type { Manifest } from "../manifest.ts";
import type { Mounter, Pusher, ReadStore, ReferrerLister, Tagger } from "../store.ts";

/** Where {@link copyImage} reads. `referrers` is needed only where referrers are asked for. */
export interface CopySource extends ReadStore {
  /** As of a {@link ReferrerLister}. */
  readonly referrers?: ReferrerLister["referrers"] | undefined;
  /** Full name of the repository, where it is one: blobs are then mounted into a neighbour. */
  readonly name?: string | undefined;
}

/** Where {@link copyImage} writes. What is optional is used where it is there. */
export interface CopyTarget extends Pusher {
  /** As of a {@link Tagger}. */
  readonly tag?: Tagger["tag"] | undefined;
  /** As of a {@link Mounter}. */
  readonly mount?: Mounter["mount"] | undefined;
  /** Full name of the repository, where it is one. */
  readonly name?: string | undefined;
  /** Whether the content of a descriptor is there. */
  exists?(descriptor: Descriptor, options?: SignalOptions): Promise<boolean> | boolean;
  /** Lists a manifest that gets no name: a layout. */
  addEntry?(descriptor: Descriptor, options?: SignalOptions): Promise<void>;
}

/** What a check decides on. */
export interface CopyCandidate {
  /** As the source was asked for it. */
  reference: string;
  /** What the reference stands for. */
  resolved: Descriptor;
  /** What is copied: `resolved`, or the image chosen from it. */
  root: Descriptor;
  /** The document of `root`, verified. */
  manifest: Manifest;
}

/** What a check says. A verdict of a policy is one. */
export interface CopyVerdict {
  /** Only `"allowed"` lets the copy go on. */
  readonly kind: string;
  /** Why not. */
  readonly message?: string | undefined;
}

/** What {@link copyImage} reports. Bytes count what is settled: copied, mounted, or there already. */
export type CopyEvent =
  /** Everything to be copied is known. */
  | { kind: "planned"; manifests: number; blobs: number; totalBytes: number }
  /** The first bytes of content are sent. */
  | { kind: "started"; descriptor: Descriptor; doneBytes: number; totalBytes: number }
  /** Some bytes of content were sent: `bytes` of it so far. At most one report for each mebibyte. */
  | { kind: "progress"; descriptor: Descriptor; bytes: number; doneBytes: number; totalBytes: number }
  /** Content is in the target: sent, taken from a neighbour, or found there. */
  | { kind: "copied" | "mounted" | "skipped"; descriptor: Descriptor; doneBytes: number; totalBytes: number };

/** Options of {@link copyImage}. */
export interface CopyImageOptions extends SignalOptions {
  /**
   * One platform: of an index only the image for it is copied, and that becomes the root, as `skopeo copy` and
   * `oras copy --platform` do it. An index within the index is looked into. Not with `platforms`.
   */
  platform?: Platform | PlatformMatcher | undefined;
  /**
   * Which images of an index are copied. `"all"` (the default): each one. A list: one image for each platform, and
   * the index itself unchanged, so that its digest and signatures stay valid; it then names images that the target
   * does not have, as with `skopeo copy --multi-arch` of chosen instances. Most registries refuse such an index.
   */
  platforms?: "all" | readonly (Platform | PlatformMatcher)[] | undefined;
  /**
   * Whether what refers to a copied manifest is copied too, and what refers to that, and so on: signatures, bills of
   * materials. A list: only referrers of these artifact types. Default no.
   */
  referrers?: boolean | readonly string[] | undefined;
  /**
   * Decides whether the image may be copied, before anything is written. Anything but a verdict of kind `"allowed"`
   * ends the copy; what it throws comes out unchanged. It must look at `root` or `resolved` by digest: a tag
   * may stand for something else by now.
   */
  check?:
    | ((candidate: CopyCandidate, options: SignalOptions) => CopyVerdict | Promise<CopyVerdict>)
    | undefined;
  /** Told how the copy goes on. An error that it throws ends the copy and comes out unchanged. */
  onProgress?: ((event: CopyEvent) => void) | undefined;
  /** How many blobs, or manifests, are under way at a time. Default 6, as in skopeo. */
  concurrency?: number | undefined;
  /**
   * Whether layers of the restricted types that have `urls` are copied: registries mostly do not have them. Default no.
   */
  foreignLayers?: boolean | undefined;
  /** Largest manifest accepted, in bytes. Default 4 MiB (4194304). */
  maxManifestBytes?: number | undefined;
  /** Most manifests and indexes of one copy, referrers included. Default 1000. */
  maxManifests?: number | undefined;
  /** Deepest nesting of indexes in indexes and of referrers of referrers, each. Default 16. */
  maxDepth?: number | undefined;
  /** Most bytes in all, as descriptors declare them; content that is longer is refused anyway. Default no limit. */
  maxTotalBytes?: number | undefined;
}

/** What {@link copyImage} did. */
export interface CopyReport {
  /** What was copied: the index, or the image chosen from it. */
  root: Descriptor;
  /** Sent to the target. */
  copied: Descriptor[];
  /** Taken from another repository of the registry. */
  mounted: Descriptor[];
  /** Found in the target. */
  skipped: Descriptor[];
  /** Restricted layers that were left out. */
  foreign: Descriptor[];
}
