import { gzipSync } from "node:zlib";
import { formatReference } from "../../../src/core/reference.ts";
import {
  checkProfileManifest,
  type ProfileManifest,
  profileArtifactReference,
} from "../../../src/seccomp/artifact-check.ts";
import { toRuntimeSpec } from "../../../src/seccomp/convert.ts";
import { SeccompError } from "../../../src/seccomp/errors.ts";
import { parseProfile } from "../../../src/seccomp/parse.ts";
import type { VectorFields, VectorSuite } from "../suite.ts";

/** A version of each range that the cases name. */
const VERSIONS: Record<string, string> = {
  "crio-1.30..1.32": "1.32.0",
  "crio-1.30..1.36": "1.36.0",
  "crio-1.33..1.34": "1.33.2",
  "crio-1.35..1.36": "1.36.0",
  "crio-1.37": "1.37.0",
};

/** Where a case says what becomes of an accepted artifact. */
const LATER = "then";

const suite: VectorSuite = {
  run({ input }) {
    if (typeof input["layer"] === "string") return content(input["layer"]);
    const { ref, manifest } = input;
    return Object.fromEntries(
      Object.entries(VERSIONS).map(([range, version]) => [
        range,
        typeof ref === "string" ? reference(ref, version) : check(manifest as VectorFields, version),
      ]),
    );
  },
};
export default suite;

function reference(text: string, version: string): unknown {
  try {
    return { accept: true, normalized: formatReference(profileArtifactReference(text, { version })) };
  } catch (error) {
    if (error instanceof SeccompError) return { accept: false, error: error.message };
    throw error;
  }
}

function check(fields: VectorFields, version: string): unknown {
  const layers = fields["layers"] as VectorFields[];
  const manifest: ProfileManifest = {
    mediaType: String(fields["mediaType"]),
    artifactType: fields["artifactType"] as string | undefined,
    configMediaType: String((fields["config"] as VectorFields)["mediaType"]),
    layers: layers.map((layer) => ({
      mediaType: String(layer["mediaType"]),
      size: Number(layer["size"]),
      title: (layer["annotations"] as VectorFields | undefined)?.["org.opencontainers.image.title"] as
        | string
        | undefined,
    })),
  };
  const verdict = checkProfileManifest(manifest, { version });
  if (verdict.kind === "rejected") return { accept: false, error: verdict.message };
  return { accept: true, layer: verdict.layer, [LATER]: decoding(gzipSync("{}")) };
}

/** What becomes of a compressed layer, which is what such an image would have. */
function decoding(bytes: Uint8Array): string {
  try {
    parseProfile(bytes);
    return "decoded";
  } catch (error) {
    return String((error as Error).message).split(":")[0] ?? "";
  }
}

function content(layer: string): unknown {
  try {
    const profile = parseProfile(layer);
    return { accept: true, appliedSeccomp: toRuntimeSpec(profile, { arch: "amd64", capabilities: [] }) };
  } catch (error) {
    if (!(error instanceof SeccompError)) throw error;
    const { message } = error;
    return { accept: false, error: message, errorPrefix: message.slice(0, message.indexOf(": ") + 2) };
  }
}
