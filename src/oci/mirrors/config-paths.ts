/**
 * Where the files of Podman and CRI-O about registries are, and which of them count.
 *
 * @see {@link https://github.com/containers/image/blob/v5.36.0/docs/containers-registries.conf.d.5.md}
 * @see {@link https://github.com/containers/image/blob/v5.36.0/docs/containers-certs.d.5.md}
 * @module
 */
import { posix } from "node:path";

/** Whose files are looked for. */
export interface ContainersUser {
  /** The user's home folder. */
  home: string;
  /** The user's number; 0 is root. */
  uid: number;
  /** `XDG_CONFIG_HOME` is read; an empty or relative one counts as absent. */
  env: Readonly<Record<string, string | undefined>>;
}

const SYSTEM_FOLDERS = ["/etc/containers", "/usr/share/containers"];

/** The places of the main file; the first that exists counts. */
export function registriesConfPaths(user: ContainersUser): string[] {
  return [userFolder(user), ...SYSTEM_FOLDERS].map((folder) => posix.join(folder, "registries.conf"));
}

/** The folders of drop-ins; of two files with one name that in the earlier folder counts. */
export function registriesDropInFolders(user: ContainersUser): string[] {
  return [
    posix.join(userFolder(user), "registries.conf.d"),
    ...SYSTEM_FOLDERS.flatMap((folder) => systemFolders(folder, "registries", ".conf.d", user)),
  ];
}

/** The folders below which a host's folder of certificates is looked for; the first that has one counts, alone. */
export function certsFolders(user: ContainersUser): string[] {
  return [
    posix.join(userFolder(user), "certs.d"),
    ...SYSTEM_FOLDERS.flatMap((folder) => systemFolders(folder, "certs", ".d", user)),
    "/etc/docker/certs.d",
  ];
}

/** One name of each of the folders' files that end in `.conf`, in the order in which they apply. */
export function dropInFiles(folders: readonly { folder: string; names: readonly string[] }[]): string[] {
  const chosen = new Map<string, string>();
  for (const { folder, names } of folders) {
    for (const name of names) {
      if (name.endsWith(".conf") && !chosen.has(name)) chosen.set(name, posix.join(folder, name));
    }
  }
  return [...chosen].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, path]) => path);
}

function systemFolders(folder: string, stem: string, ending: string, { uid }: ContainersUser): string[] {
  const own =
    uid === 0
      ? [`${stem}.rootful${ending}`]
      : [`${stem}.rootless${ending}/${uid}`, `${stem}.rootless${ending}`];
  return [...own, `${stem}${ending}`].map((name) => posix.join(folder, name));
}

function userFolder({ home, env }: ContainersUser): string {
  const configured = env["XDG_CONFIG_HOME"] ?? "";
  return posix.join(posix.isAbsolute(configured) ? configured : posix.join(home, ".config"), "containers");
}
