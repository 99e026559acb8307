/**
 * The folders that registries.d is put together from, and which of their files count.
 *
 * ```text
 * USER        $XDG_CONFIG_HOME/containers/registries.d, else $HOME/.config/containers/registries.d
 * SYSTEM      registries.rootless.d/UID, registries.rootless.d   (UID 0: registries.rootful.d), registries.d
 *             below /etc/containers, then the same below /usr/share/containers
 * ```
 *
 * A file takes the place of those of its name in later folders; what is left is read in the order of names.
 *
 * @see {@link https://github.com/podman-container-tools/container-libs/blob/9869b8fd/storage/pkg/configfile/parse.go}
 * @module
 */
import { posix } from "node:path";

/** Whose configuration it is. */
export interface RegistriesDUser {
  /** `XDG_CONFIG_HOME` is read; an empty one counts as absent. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Home folder. */
  readonly home: string;
  /** Number of the user; 0 is root. */
  readonly uid: number;
}

const SYSTEM_FOLDERS = ["/etc/containers", "/usr/share/containers"];

/**
 * The folders, the one that counts most first.
 *
 * @param root Put in front of the folders of the system, not of the user's.
 */
export function registriesDFolders({ env, home, uid }: RegistriesDUser, root = ""): string[] {
  const config = env["XDG_CONFIG_HOME"] || posix.join(home, ".config");
  const names =
    uid === 0
      ? ["registries.rootful.d", "registries.d"]
      : [`registries.rootless.d/${uid}`, "registries.rootless.d", "registries.d"];
  const system = SYSTEM_FOLDERS.flatMap((folder) => names.map((name) => posix.join(folder, name)));
  return [
    posix.join(config, "containers/registries.d"),
    ...system.map((folder) => (root === "" ? folder : posix.join(root, folder))),
  ];
}

/** The files that count, in the order in which they are read. */
export function registriesDFiles(
  folders: readonly { readonly folder: string; readonly names: readonly string[] }[],
): string[] {
  const chosen = new Map<string, string>();
  for (const { folder, names } of folders) {
    for (const name of names) {
      if (name.endsWith(".yaml") && !chosen.has(name)) chosen.set(name, posix.join(folder, name));
    }
  }
  // By octets, as Go sorts.
  return [...chosen]
    .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map(([, path]) => path);
}
