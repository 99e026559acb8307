/**
 * Finding and reading registries.d. This file reads the environment, the home folder and the disk.
 *
 * @module
 */
import { readdir } from "node:fs/promises";
import { homedir } from "node:os";
import { messageOf } from "../../core/message-of.ts";
import { raceSignal, type SignalOptions } from "../../core/signal.ts";
import { PolicyError } from "../errors.ts";
import { readFileWithin } from "../read-file.ts";
import { parseRegistriesD, type RegistriesD, type RegistriesDText } from "./registries-d.ts";
import { registriesDFiles, registriesDFolders } from "./registries-d-paths.ts";

/** Reads folders and files, by absolute paths. */
export interface RegistriesDReader {
  /** Names in a folder, in any order; rejects with an error of `code` `ENOENT` if there is none. */
  list(path: string, options: SignalOptions): Promise<readonly string[]>;
  /** Content of a file; rejects with an error of `code` `ENOENT` if there is none. */
  read(path: string, options: SignalOptions): Promise<Uint8Array>;
}

/** Options of {@link loadRegistriesD}. */
export interface LoadRegistriesDOptions extends SignalOptions {
  /**
   * Folders that are used in place of all others, the one that counts most first: podman's and CRI-O's
   * `--registries.d` is one.
   */
  paths?: readonly string[] | undefined;
  /** Put in front of the folders below /etc and /usr only. Default none. */
  root?: string | undefined;
  /** Environment variables: `XDG_CONFIG_HOME` and `HOME` are read. Default `process.env`. */
  env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Number of the user. Default that of the process; 0 where users have none. */
  uid?: number | undefined;
  /** Reads the folders and files. Default: from disk. */
  reader?: RegistriesDReader | undefined;
}

/** registries.d, with where it came from. */
export interface LoadedRegistriesD {
  readonly config: RegistriesD;
  /** The files that were read, in order. */
  readonly files: readonly string[];
  /** The folders that were looked at, the one that counts most first. */
  readonly folders: readonly string[];
  /**
   * The user's own store, which is looked at where nothing is configured: `file:///var/lib/containers/sigstore` for
   * root, else in the home folder.
   */
  readonly defaultLookaside: string;
}

/** Longest file, in bytes. */
const MAX_FILE_BYTES = 4 * 1024 * 1024;

/**
 * registries.d as it applies to this user.
 *
 * A folder that does not exist is empty, and so is a file that is gone by the time it is read. Only files that end in
 * `.yaml` count.
 *
 * @throws {PolicyError} `ERR_POLICY_REGISTRIES_D` for whatever else cannot be read, and as {@link parseRegistriesD}.
 */
export async function loadRegistriesD(options: LoadRegistriesDOptions = {}): Promise<LoadedRegistriesD> {
  const { paths, root = "", env = process.env, reader = diskReader, signal } = options;
  const uid = options.uid ?? process.getuid?.() ?? 0;
  const home = env["HOME"] || homedir();
  const folders = paths ? [...paths] : registriesDFolders({ env, home, uid }, root);
  const listed: { folder: string; names: readonly string[] }[] = [];
  for (const folder of folders) {
    const names = await ifExists(folder, () => reader.list(folder, { signal }), signal);
    listed.push({ folder, names: names ?? [] });
  }
  const texts: RegistriesDText[] = [];
  for (const path of registriesDFiles(listed)) {
    const content = await ifExists(path, () => reader.read(path, { signal }), signal);
    if (content) texts.push({ path, text: decode(path, content) });
  }
  const config = await parseRegistriesD(texts);
  signal?.throwIfAborted();
  return {
    config,
    files: texts.map(({ path }) => path),
    folders,
    defaultLookaside: defaultLookaside(uid, home),
  };
}

/** The store of a user where registries.d names none. */
export function defaultLookaside(uid: number, home: string): string {
  const path = uid === 0 ? "/var/lib/containers/sigstore" : `${home}/.local/share/containers/sigstore`;
  return `file://${path.split("/").map(encodeURIComponent).join("/")}`;
}

async function ifExists<T>(
  path: string,
  read: () => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T | undefined> {
  try {
    signal?.throwIfAborted();
    return await raceSignal(read(), signal);
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw new PolicyError("ERR_POLICY_REGISTRIES_D", `reading ${path}: ${messageOf(cause)}`, { cause });
  }
}

function decode(path: string, content: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch (cause) {
    throw new PolicyError("ERR_POLICY_REGISTRIES_D", `parsing ${path}: no UTF-8`, { cause });
  }
}

const diskReader: RegistriesDReader = {
  list: (path) => readdir(path),
  read: (path, options) => readFileWithin(path, MAX_FILE_BYTES, options),
};
