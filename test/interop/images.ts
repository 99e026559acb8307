/** Images for real runtimes, made here without a network: pause, and busybox from the machine's static one. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createLayer, type ImageGraph, type LayerFile, packImage } from "../../src/oci/index.ts";
import { type ProgramArchitecture, pauseProgram } from "../../src/testing/programs.ts";

/** What goes into {@link buildImage}. */
export interface BuildImageOptions {
  files: readonly LayerFile[];
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

/** An image of one layer for this machine. */
export async function buildImage({ files, entrypoint, annotations }: BuildImageOptions): Promise<ImageGraph> {
  return packImage({
    platform: { os: "linux", architecture: hostArchitecture() },
    layers: [await createLayer(files)],
    config: { Env: ["PATH=/bin"], Entrypoint: entrypoint },
    annotations,
  });
}

/** A file that can be run. */
export function program(path: string, content: Uint8Array): LayerFile {
  return { path, content, mode: 0o755 };
}

/** An image whose only program waits, for pod sandboxes. */
export function buildPauseImage(): Promise<ImageGraph> {
  return buildImage({ files: [program("pause", pauseProgram(hostArchitecture()))], entrypoint: ["/pause"] });
}

/** An image with the static busybox of this machine and all its applets; its entry point is a shell. */
export function buildBusyboxImage(): Promise<ImageGraph> {
  const path = "/bin/busybox";
  const applets = spawnSync(path, ["--list"], { encoding: "utf8" }).stdout.split("\n");
  const links = applets.filter((name) => name !== "" && name !== "busybox");
  return buildImage({
    files: [
      program(path, readFileSync(path)),
      ...links.map((name): LayerFile => ({ path: `bin/${name}`, kind: "symlink", target: "busybox" })),
      { path: "etc/passwd", content: "root:x:0:0:root:/root:/bin/sh\n" },
      { path: "tmp", kind: "directory", mode: 0o1777 },
    ],
    entrypoint: ["/bin/sh"],
  });
}

/** An OCI image layout as one tar archive, in which the image has the full name that is given. */
export async function layoutArchive({ manifest, blobs }: ImageGraph, name: string): Promise<Uint8Array> {
  const annotations = { "org.opencontainers.image.ref.name": name };
  const index = { schemaVersion: 2, manifests: [{ ...manifest.descriptor, annotations }] };
  const contents = [...blobs, { descriptor: manifest.descriptor, content: manifest.bytes }];
  const files: LayerFile[] = [
    { path: "oci-layout", content: '{"imageLayoutVersion":"1.0.0"}' },
    { path: "index.json", content: JSON.stringify(index) },
    ...contents.map(({ descriptor, content }): LayerFile => {
      return { path: `blobs/${descriptor.digest.replace(":", "/")}`, content };
    }),
  ];
  // The archive is a plain tar, as an uncompressed layer is.
  return (await createLayer(files, { compression: "none" })).content;
}
