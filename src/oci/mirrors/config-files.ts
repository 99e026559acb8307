/**
 * The files of a configuration, from disk.
 *
 * @module
 */
import { readdir } from "node:fs/promises";
import { posix } from "node:path";
import { messageOf } from "../../core/message-of.ts";
import { raceSignal, type SignalOptions } from "../../core/signal.ts";
import { readTextIfExists } from "../credentials/read-file.ts";
import { configError } from "./toml.ts";

/** Reads files and folders by absolute paths. */
export interface ConfigFiles {
  /** The text of a file; undefined if it does not exist. */
  read(path: string, options: SignalOptions): Promise<string | undefined>;
  /** Names in a folder, in any order; undefined if it does not exist. */
  list(path: string, options: SignalOptions): Promise<string[] | undefined>;
}

/** Options of {@link configFiles}. */
export interface ConfigFilesOptions {
  /** Put in front of every path, such as the root of another system's image. Default none. */
  rootPrefix?: string | undefined;
}

/**
 * Files of this machine, of at most 4 MiB (4194304 bytes) each. What cannot be read is an `OciError`
 * `ERR_OCI_CONFIG_INVALID`: a file that is there counts.
 */
export function configFiles({ rootPrefix = "" }: ConfigFilesOptions = {}): ConfigFiles {
  const place = (path: string): string => (rootPrefix === "" ? path : posix.join(rootPrefix, path));
  return {
    async read(path, { signal }) {
      signal?.throwIfAborted();
      try {
        const found = await raceSignal(readTextIfExists(place(path), { signal }), signal);
        return found && new TextDecoder("utf-8", { fatal: true }).decode(found.bytes);
      } catch (cause) {
        signal?.throwIfAborted();
        throw configError(path, cause instanceof TypeError ? "is no UTF-8 text" : messageOf(cause), cause);
      }
    },
    async list(path, { signal }) {
      signal?.throwIfAborted();
      try {
        return await raceSignal(readdir(place(path)), signal);
      } catch (cause) {
        signal?.throwIfAborted();
        const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
        if (code === "ENOENT" || code === "ENOTDIR") return undefined;
        throw configError(path, messageOf(cause), cause);
      }
    },
  };
}
