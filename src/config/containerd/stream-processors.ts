/**
 * Programs that layers are passed through, such as for decryption.
 *
 * @see {@link https://github.com/containerd/containerd/blob/v2.1.0/docs/stream_processors.md}
 * @module
 */
import { type ConfigTable, type Sourced, tableAt, textAt, textsAt } from "./tree.ts";

/** A program that changes layers on their way. */
export interface ContainerdStreamProcessor {
  /** Media types that go in. */
  readonly accepts: readonly Sourced<string>[];
  /** Media type that comes out. */
  readonly returns: Sourced<string>;
  readonly path: Sourced<string>;
  /** Such as `--decryption-keys-path` and the folder of the keys. */
  readonly args: readonly Sourced<string>[];
  readonly env: readonly Sourced<string>[];
}

/** What is built in, for each compression: a file's table of the same name takes its place. */
const BUILT_IN: readonly (readonly [string, ContainerdStreamProcessor])[] = ["tar", "tar.gzip"].map(
  (form) => {
    const type = `application/vnd.oci.image.layer.v1.${form.replace(".", "+")}`;
    const folder = "/etc/containerd/ocicrypt";
    return [
      `io.containerd.ocicrypt.decoder.v1.${form}`,
      {
        accepts: [{ value: `${type}+encrypted` }],
        returns: { value: type },
        path: { value: "ctd-decoder" },
        args: [{ value: "--decryption-keys-path" }, { value: `${folder}/keys` }],
        env: [{ value: `OCICRYPT_KEYPROVIDER_CONFIG=${folder}/ocicrypt_keyprovider.conf` }],
      },
    ];
  },
);

/** The programs by name: those that are built in, then those of the files. */
export function streamProcessorsOf(tree: ConfigTable): ReadonlyMap<string, ContainerdStreamProcessor> {
  const processors = new Map(BUILT_IN);
  const table = tableAt(tree, "stream_processors");
  for (const name of table.entries.keys()) {
    processors.set(name, {
      accepts: textsAt(table, name, "accepts") ?? [],
      returns: textAt(table, name, "returns") ?? { value: "" },
      path: textAt(table, name, "path") ?? { value: "" },
      args: textsAt(table, name, "args") ?? [],
      env: textsAt(table, name, "env") ?? [],
    });
  }
  return processors;
}
