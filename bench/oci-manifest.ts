/**
 * How long it takes to compute a manifest's digest, read it strictly and check it, against SHA-256 and `JSON.parse`.
 *
 *   node --conditions=lading-source bench/oci-manifest.ts [--margin 0.25]
 */
import { hash } from "node:crypto";
import { digestOf } from "../src/core/digest.ts";
import { parseManifest, validateDocument } from "../src/oci/index.ts";
import { type Figure, formatTime, interleave, report } from "./interleave.ts";

const TYPE = "application/vnd.oci.image.manifest.v1+json";

/** An image manifest as builders write it, with the annotations that two of them add. */
function manifestOf(layers: number): object {
  const descriptor = (name: string, mediaType: string) => ({
    mediaType,
    digest: digestOf(name),
    size: 1000 + (Number.parseInt(digestOf(name).slice(7, 15), 16) % 50_000_000),
  });
  return {
    schemaVersion: 2,
    mediaType: TYPE,
    config: descriptor("config", "application/vnd.oci.image.config.v1+json"),
    layers: Array.from({ length: layers }, (_, at) =>
      descriptor(`layer ${at}`, "application/vnd.oci.image.layer.v1.tar+gzip"),
    ),
    annotations: {
      "org.opencontainers.image.created": "2026-11-01T12:00:00Z",
      "org.opencontainers.image.source": "https://example.com/source",
    },
  };
}

const figures: Figure[] = [];
for (const [layers, indent] of [
  [10, 0],
  [10, 2],
  [3, 0],
  [100, 0],
] as const) {
  // As it comes: memory of its own, not a part of a string.
  const bytes = Uint8Array.from(Buffer.from(JSON.stringify(manifestOf(layers), null, indent)));
  const buffer = Buffer.from(bytes.buffer);
  const ways = [
    { name: "lading: digest, strict reading, checks", run: () => parseManifest(bytes, TYPE) },
    {
      name: "SHA-256 and JSON.parse",
      run: () => [hash("sha256", bytes, "hex"), JSON.parse(buffer.toString("utf8"))],
    },
    { name: "SHA-256 alone", run: () => hash("sha256", bytes, "hex") },
    {
      name: "lading: everything that breaks the specification",
      run: () => validateDocument("manifest", bytes),
    },
  ];
  const times = await interleave(ways, { rounds: 400, repeat: layers > 10 ? 5 : 50, warmUp: 200 });
  const form = indent === 0 ? "" : ", indented";
  console.log(`${layers} layers${form}, ${bytes.byteLength} bytes`);
  for (const [at, { name }] of ways.entries()) {
    console.log(`  ${formatTime(times[at] ?? Number.NaN)}  ${name}`);
  }
  const [value = Number.NaN, against = Number.NaN] = times;
  figures.push({
    name: `${layers} layers${form}: against SHA-256 and JSON.parse`,
    value,
    against,
    limit: 1.6,
    goal: 1.3,
  });
}
report(figures);
