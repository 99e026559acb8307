/**
 * Copies of images and artifacts between any two stores: bytes never change.
 *
 * @module
 */
import type { ByteStream } from "../../core/bytes.ts";
import { messageOf } from "../../core/message-of.ts";
import { parseReferenceName } from "../../core/reference.ts";
import { type Descriptor, embeddedContent } from "../descriptor.ts";
import { OciError } from "../errors.ts";
import { passProof, unchanged } from "../proven-stream.ts";
import { forEachBounded } from "./bounded.ts";
import { type CopyNode, inOrder, readGraph } from "./copy-graph.ts";
import type { CopyEvent, CopyImageOptions, CopyReport, CopySource, CopyTarget } from "./copy-options.ts";
import { assertAllowed, graphContext, readRoot } from "./copy-root.ts";

const PROGRESS_BYTES = 1024 * 1024;

/** How far the content of a blob was read. */
interface Reading {
  begun: boolean;
  /** Bytes that the target has taken. */
  sent: number;
  /** What the source gave. */
  stream: ByteStream | undefined;
}

/**
 * Copies an image or artifact with everything that it names, and gives it a name in the target.
 *
 * First everything is read that tells what belongs to it, then the check is asked, then blobs are copied, then
 * manifests, each after what it names, and the name comes last: at no time does the target name something that is not
 * complete. What is there already is not sent; what was stored before a failure stays. Each content is verified by the
 * store that it goes through. Repeating what failed is the stores' own.
 *
 * What a `subject` names is not copied along. Signatures under tags such as `sha256-….sig` are images of their own.
 *
 * @param targetName Name for the copy; without one a registry has it by digest, and a layout lists it without a name.
 * @throws {OciError} `ERR_OCI_COPY_FAILED` with the `side` that failed and the `cause`.
 * @throws {OciError} `ERR_OCI_COPY_REFUSED` if the check did not allow it.
 * @throws {TypeError} for options that contradict each other, or a name for a target that has no names.
 */
export async function copyImage(
  source: CopySource,
  reference: string,
  target: CopyTarget,
  targetName: string | undefined,
  options: CopyImageOptions = {},
): Promise<CopyReport> {
  const { signal, check, onProgress } = options;
  const context = graphContext(source, options);
  if (targetName !== undefined && !target.tag) throw new TypeError("the target cannot give names");
  signal?.throwIfAborted();
  // Errors whose origin is another one than the side that they come out of.
  const origins = new Map<unknown, "source" | "caller">();

  const candidate = await onSide("source", reference, () => readRoot(reference, options, context));
  if (check) assertAllowed(await check(candidate, { signal }), candidate);
  signal?.throwIfAborted();
  const graph = await onSide("source", reference, () =>
    readGraph({ descriptor: candidate.root, manifest: candidate.manifest }, context),
  );

  const foreign = [...graph.foreign.values()];
  const report: CopyReport = { root: candidate.root, copied: [], mounted: [], skipped: [], foreign };
  const nodes = [...graph.manifests.values()];
  const contents = [...graph.blobs.values(), ...nodes.map(({ descriptor }) => descriptor)];
  const totalBytes = contents.reduce((sum, { size }) => sum + size, 0);
  let doneBytes = 0;
  tell({ kind: "planned", manifests: nodes.length, blobs: graph.blobs.size, totalBytes });

  const neighbour = neighbourOf(source, target);
  const { concurrency } = context;
  await forEachBounded(graph.blobs.values(), concurrency, copyBlob, signal);
  for (const group of inOrder(graph)) await forEachBounded(group, concurrency, copyManifest, signal);
  await onSide("target", targetName ?? candidate.root.digest, async () => {
    if (targetName !== undefined) await target.tag?.(candidate.root, targetName, { signal });
    else await target.addEntry?.(candidate.root, { signal });
  });
  return report;

  async function copyBlob(descriptor: Descriptor, inner: AbortSignal): Promise<void> {
    const { digest } = descriptor;
    if (neighbour !== undefined) {
      const found = await onSide("target", digest, async () => {
        if (await target.exists?.(descriptor, { signal: inner })) return "skipped";
        return (await target.mount?.(descriptor, neighbour, { signal: inner })) ? "mounted" : undefined;
      });
      if (found !== undefined) return settle(found, descriptor, 0);
    }
    const reading: Reading = { begun: false, sent: 0, stream: undefined };
    const embedded = await onSide("source", digest, async () => embeddedContent(descriptor));
    if (
      embedded &&
      (await onSide("target", digest, async () => target.exists?.(descriptor, { signal: inner })))
    ) {
      return settle("skipped", descriptor, 0);
    }
    const content = embedded ?? passProof(watched(descriptor, inner, reading), () => reading.stream);
    await onSide("target", digest, () => target.push(descriptor, content, { signal: inner }));
    settle(embedded || reading.begun ? "copied" : "skipped", descriptor, reading.sent);
  }

  async function copyManifest({ descriptor, manifest }: CopyNode, inner: AbortSignal): Promise<void> {
    const there = await onSide("target", descriptor.digest, async () => {
      if (await target.exists?.(descriptor, { signal: inner })) return true;
      await target.push(descriptor, manifest.bytes, { signal: inner });
      return false;
    });
    settle(there ? "skipped" : "copied", descriptor, 0);
  }

  /** The content of a blob on its way, counted. */
  async function* watched(
    descriptor: Descriptor,
    inner: AbortSignal,
    reading: Reading,
  ): ByteStream & AsyncGenerator<Uint8Array, void> {
    reading.begun = true;
    let told = 0;
    try {
      tell({ kind: "started", descriptor, doneBytes, totalBytes });
      reading.stream = source.fetch(descriptor, { signal: inner });
      for await (const chunk of unchanged(reading.stream)) {
        // The target may give back the memory of a chunk that it has taken.
        const { byteLength } = chunk;
        yield chunk;
        reading.sent += byteLength;
        doneBytes += byteLength;
        if (reading.sent - told < PROGRESS_BYTES) continue;
        told = reading.sent;
        tell({ kind: "progress", descriptor, bytes: reading.sent, doneBytes, totalBytes });
      }
    } catch (error) {
      if (!origins.has(error)) origins.set(error, "source");
      throw error;
    }
  }

  function settle(kind: "copied" | "mounted" | "skipped", descriptor: Descriptor, sent: number): void {
    doneBytes += descriptor.size - sent;
    report[kind].push(descriptor);
    tell({ kind, descriptor, doneBytes, totalBytes });
  }

  function tell(event: CopyEvent): void {
    try {
      onProgress?.(event);
    } catch (error) {
      origins.set(error, "caller");
      throw error;
    }
  }

  /** Settles as the work does; its failure says which side it is. An abort and a caller's mistake stay as they are. */
  async function onSide<T>(side: "source" | "target", what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      signal?.throwIfAborted();
      const origin = origins.get(error) ?? side;
      if (origin === "caller" || error instanceof TypeError || error instanceof RangeError) throw error;
      // The reason why the others were stopped.
      if (error instanceof OciError && error.code === "ERR_OCI_COPY_FAILED") throw error;
      const reason = messageOf(error);
      throw new OciError("ERR_OCI_COPY_FAILED", `copy of ${what}: ${origin}: ${reason}`, {
        cause: error,
        side: origin,
      });
    }
  }
}

/** The name of the source's repository, where blobs can be taken from it within one registry. */
function neighbourOf({ name: from }: CopySource, { name: to, mount }: CopyTarget): string | undefined {
  if (!mount || from === undefined || to === undefined || from === to) return undefined;
  const [source, target] = [parseReferenceName(from), parseReferenceName(to)];
  return source.domain === target.domain ? source.path : undefined;
}
