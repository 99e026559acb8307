/** Images for real runtimes, made here without a network: pause, and busybox from the machine's static one. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { pack } from "tar-stream";
import { collectBytes } from "../../src/core/bytes.ts";
import { digestOf } from "../../src/core/digest.ts";
import { type ProgramArchitecture, pauseProgram } from "../../src/testing/programs.ts";

/** A piece of content with its digest. */
export interface Blob {
  mediaType: string;
  digest: string;
  bytes: Uint8Array;
}

/** An image of one layer. */
export interface TestImage {
  manifest: Blob;
  config: Blob;
  layer: Blob;
}

/** What goes into {@link buildImage}. */
export interface BuildImageOptions {
  /** Files by absolute path; text is a symbolic link to that target. */
  files: Readonly<Record<string, Uint8Array | string>>;
  entrypoint: readonly string[];
  /** Annotations of the manifest. */
  annotations?: Readonly<Record<string, string>>;
}

/** The architecture of this machine, as image configurations name it. */
export function hostArchitecture(): ProgramArchitecture {
  if (process.arch === "x64") return "amd64";
  if (process.arch === "arm64") return "arm64";
  throw new Error(`no test programs for ${process.arch}`);
}

/** An image for this machine. The same input gives the same bytes. */
export async function buildImage({ files, entrypoint, annotations }: BuildImageOptions): Promise<TestImage> {
  const layerBytes = await tarOf(files);
  const layer = blob("application/vnd.oci.image.layer.v1.tar", layerBytes);
  const config = jsonBlob("application/vnd.oci.image.config.v1+json", {
    architecture: hostArchitecture(),
    os: "linux",
    config: { Env: ["PATH=/bin"], Entrypoint: entrypoint },
    rootfs: { type: "layers", diff_ids: [layer.digest] },
  });
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = jsonBlob(mediaType, {
    schemaVersion: 2,
    mediaType,
    config: descriptorOf(config),
    layers: [descriptorOf(layer)],
    ...(annotations ? { annotations } : {}),
  });
  return { manifest, config, layer };
}

/** An image whose only program waits, for pod sandboxes. */
export function buildPauseImage(): Promise<TestImage> {
  return buildImage({ files: { "/pause": pauseProgram(hostArchitecture()) }, entrypoint: ["/pause"] });
}

/** An image with the static busybox of this machine and all its applets; its entry point is a shell. */
export function buildBusyboxImage(options: Pick<BuildImageOptions, "annotations"> = {}): Promise<TestImage> {
  const path = "/bin/busybox";
  const applets = spawnSync(path, ["--list"], { encoding: "utf8" }).stdout.split("\n");
  const links = applets.filter((name) => name !== "" && name !== "busybox");
  return buildImage({
    files: {
      "/bin/busybox": readFileSync(path),
      ...Object.fromEntries(links.map((name) => [`/bin/${name}`, "busybox"])),
      "/etc/passwd": Buffer.from("root:x:0:0:root:/root:/bin/sh\n"),
      "/tmp/.keep": new Uint8Array(),
    },
    entrypoint: ["/bin/sh"],
    ...options,
  });
}

/** An OCI image layout as one tar archive, in which the image has the full name that is given. */
export function layoutArchive(image: TestImage, name: string): Promise<Uint8Array> {
  const { manifest, config, layer } = image;
  const annotations = { "org.opencontainers.image.ref.name": name };
  const index = { schemaVersion: 2, manifests: [{ ...descriptorOf(manifest), annotations }] };
  return tarOf({
    "/oci-layout": Buffer.from('{"imageLayoutVersion":"1.0.0"}'),
    "/index.json": Buffer.from(JSON.stringify(index)),
    ...Object.fromEntries(
      [manifest, config, layer].map(({ digest, bytes }) => [`/blobs/${digest.replace(":", "/")}`, bytes]),
    ),
  });
}

function blob(mediaType: string, bytes: Uint8Array): Blob {
  return { mediaType, digest: digestOf(bytes), bytes };
}

function jsonBlob(mediaType: string, value: unknown): Blob {
  return blob(mediaType, Buffer.from(JSON.stringify(value)));
}

function descriptorOf({ mediaType, digest, bytes }: Blob): {
  mediaType: string;
  digest: string;
  size: number;
} {
  return { mediaType, digest, size: bytes.byteLength };
}

/** A tar archive of files, each folder in front of what is in it. */
function tarOf(files: BuildImageOptions["files"]): Promise<Uint8Array> {
  const archive = pack();
  const mtime = new Date(0);
  const folders = new Set<string>();
  for (const [path, content] of Object.entries(files)) {
    const name = path.slice(1);
    for (let at = name.indexOf("/"); at >= 0; at = name.indexOf("/", at + 1)) {
      const folder = name.slice(0, at + 1);
      if (!folders.has(folder)) archive.entry({ name: folder, type: "directory", mode: 0o755, mtime });
      folders.add(folder);
    }
    if (typeof content === "string") archive.entry({ name, type: "symlink", linkname: content, mtime });
    else archive.entry({ name, mode: 0o755, mtime }, Buffer.from(content));
  }
  archive.finalize();
  return collectBytes(archive as AsyncIterable<Uint8Array>, { maxBytes: 64 * 1024 * 1024 });
}
