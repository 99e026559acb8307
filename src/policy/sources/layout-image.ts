/**
 * Images of the `oci:` transport, as a policy sees them: they have no signatures there.
 *
 * @module
 */
import { realpath } from "node:fs/promises";
import { messageOf } from "../../core/message-of.ts";
import { raceSignal, type SignalOptions } from "../../core/signal.ts";
import type { ReadStore } from "../../oci/store.ts";
import { openLayout } from "../../oci/stores/layout.ts";
import { PolicyError } from "../errors.ts";
import { type InstanceChoice, resolveImage } from "../evidence.ts";
import { resolveWithContent } from "../one-step.ts";
import { pathLookup } from "../scope.ts";
import type { LocalImage } from "./directory.ts";

/** Options of {@link readLayoutImage}. */
export interface ReadLayoutImageOptions extends SignalOptions, InstanceChoice {}

/**
 * An image in an OCI layout, as podman, skopeo and CRI-O decide on it: that transport reads no signatures, whatever the
 * layout holds, so a requirement of one is never met.
 *
 * To decide by signatures that are attached in the layout, give the layout to `createVerifier` as what a registry has.
 *
 * @param name The image's name in the layout, or its digest.
 * @throws {PolicyError} `ERR_POLICY_MANIFEST` for a layout or manifest that cannot be had or is none;
 * `ERR_POLICY_INSTANCE` for an index without a choice that fits.
 */
export async function readLayoutImage(
  path: string,
  name: string,
  { signal, ...choice }: ReadLayoutImageOptions = {},
): Promise<LocalImage> {
  signal?.throwIfAborted();
  const { store, real, top } = await open(path, name, { signal });
  const resolved = await resolveImage(store, { domain: "", path: "" }, top, choice, { signal });
  const { manifest, digest, indexDigest } = resolved;
  return {
    image: { lookup: pathLookup("oci", real), displayName: `oci:${path}:${name}` },
    digest,
    ...(indexDigest === undefined ? {} : { indexDigest }),
    lookedAt: [
      {
        kind: "skipped",
        place: "directory",
        location: real,
        reason: "the oci transport reads no signatures",
      },
    ],
    evidence: { manifest, signatures: [], completeFormats: ["simple-signing", "sigstore-json"] },
  };
}

async function open(path: string, name: string, { signal }: SignalOptions) {
  try {
    const real = await raceSignal(realpath(path), signal);
    const store: ReadStore = await openLayout(real, { signal });
    return { store, real, top: await resolveWithContent(store, name, { signal }) };
  } catch (cause) {
    signal?.throwIfAborted();
    throw new PolicyError("ERR_POLICY_MANIFEST", `reading manifest: ${messageOf(cause)}`, { cause });
  }
}
