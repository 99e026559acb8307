/**
 * The files of a node below a root: this machine's, a mounted disk's or a copy's.
 *
 * Every link is followed below the root, as a process would that has it as its own root: an absolute target begins
 * at the root, and `..` goes no higher than it.
 *
 * @module
 */
import { constants } from "node:fs";
import { type FileHandle, lstat, open, readdir, readlink } from "node:fs/promises";
import { join, posix } from "node:path";
import { messageOf } from "../core/message-of.ts";
import { raceSignal, type SignalOptions } from "../core/signal.ts";
import type { ConfigFiles } from "../oci/mirrors/config-files.ts";
import { ConfigError, type ConfigErrorCode } from "./errors.ts";

/** Longest file read, in bytes. */
const MAX_FILE_BYTES = 4 * 1024 * 1024;
/** As many links as Linux follows in one path. */
const MAX_LINKS = 40;
const MISSING: readonly unknown[] = ["ENOENT", "ENOTDIR"];
/** For what decides: a folder that is a file by mistake must not read as nothing configured. */
const STRICTLY_MISSING: readonly unknown[] = ["ENOENT"];
/** The last part of a path is no link any more when it is opened, and a pipe must not be waited for. */
const READ = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/** Options of {@link nodeFiles}. */
export interface NodeFilesOptions {
  /** The folder that stands for `/`: `/` for this machine. */
  root: string;
  /**
   * Is told each path that was looked for in vain since a link on the way leads nowhere: on a node nothing is there, and
   * a copy of a part of its files may lack what is.
   */
  onDanglingLink?: ((path: string) => void) | undefined;
}

/** Reads files and folders of a node by their absolute paths on it. */
export interface NodeFiles extends ConfigFiles {
  /**
   * The content of a file; undefined if it does not exist. Unlike `read` and `list` it does not pass over a path that
   * leads through what is no folder.
   */
  readBytes(path: string, options: SignalOptions): Promise<Uint8Array | undefined>;
  /** Whether a path is itself a link, wherever that leads; not so for what does not exist. */
  isLink(path: string, options: SignalOptions): Promise<boolean>;
}

/**
 * Reads a node's files, of at most 4 MiB (4194304 bytes) each, and folders by their absolute paths on the node.
 *
 * What changes while it is read is not defended against: the root is taken to be at rest, or the machine's own.
 * Each function rejects with a `ConfigError`: `ERR_CONFIG_FILE` for what is there but cannot be read, is no file, no
 * UTF-8 text, or a circle of links; `ERR_CONFIG_TOO_LARGE` for a longer file.
 */
export function nodeFiles({ root, onDanglingLink = () => {} }: NodeFilesOptions): NodeFiles {
  const below: Below = { root, onDanglingLink };
  return {
    async read(path, { signal }) {
      signal?.throwIfAborted();
      return await raceSignal(readText(below, path), signal);
    },
    async readBytes(path, { signal }) {
      signal?.throwIfAborted();
      return await raceSignal(readFile(below, path, STRICTLY_MISSING), signal);
    },
    async list(path, { signal }) {
      signal?.throwIfAborted();
      return await raceSignal(listFolder(below, path), signal);
    },
    async isLink(path, { signal }) {
      signal?.throwIfAborted();
      return await raceSignal(isLinkBelow(below, path), signal);
    },
  };
}

/** A root, and who is told of links that lead nowhere. */
interface Below {
  readonly root: string;
  readonly onDanglingLink: (path: string) => void;
}

async function readText(below: Below, path: string): Promise<string | undefined> {
  const bytes = await readFile(below, path, MISSING);
  try {
    return bytes && new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw fileError(path, "it is no UTF-8 text", { cause });
  }
}

async function readFile(
  below: Below,
  path: string,
  missing: readonly unknown[],
): Promise<Uint8Array | undefined> {
  const place = await resolveBelow(below, path, missing);
  if (place === undefined) return undefined;
  const handle = await openIfExists(place, path, missing);
  if (!handle) return undefined;
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw fileError(path, "it is no file");
    return await readAll(handle, path);
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    throw fileError(path, messageOf(cause), { cause });
  } finally {
    await handle.close();
  }
}

async function openIfExists(
  place: string,
  path: string,
  missing: readonly unknown[],
): Promise<FileHandle | undefined> {
  try {
    return await open(place, READ);
  } catch (cause) {
    if (missing.includes(codeOf(cause))) return undefined;
    throw fileError(path, messageOf(cause), { cause });
  }
}

async function readAll(handle: FileHandle, path: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  let total = 0;
  for (;;) {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(65_536), 0, 65_536, null);
    if (bytesRead === 0) return Buffer.concat(parts, total);
    total += bytesRead;
    if (total > MAX_FILE_BYTES) {
      throw fileError(path, `more than ${MAX_FILE_BYTES} bytes`, { code: "ERR_CONFIG_TOO_LARGE" });
    }
    parts.push(buffer.subarray(0, bytesRead));
  }
}

async function listFolder(below: Below, path: string): Promise<string[] | undefined> {
  const place = await resolveBelow(below, path);
  if (place === undefined) return undefined;
  try {
    return await readdir(place);
  } catch (cause) {
    if (MISSING.includes(codeOf(cause))) return undefined;
    throw fileError(path, messageOf(cause), { cause });
  }
}

async function isLinkBelow(below: Below, path: string): Promise<boolean> {
  const clean = posix.normalize(path).replace(/(?<=.)\/$/, "");
  if (clean === "/") return false;
  const folder = await resolveBelow(below, posix.dirname(clean));
  if (folder === undefined) return false;
  return typeof (await linkTarget(join(folder, posix.basename(clean)), path, MISSING)) === "string";
}

/** Where a path of the node is on this machine, with no link in it below the root; undefined if it is nowhere. */
async function resolveBelow(
  { root, onDanglingLink }: Below,
  path: string,
  missing: readonly unknown[] = MISSING,
): Promise<string | undefined> {
  if (!posix.isAbsolute(path) || path.includes("\0")) {
    throw fileError(path, "it is no absolute path");
  }
  const left = path.split("/").reverse();
  const done: string[] = [];
  let links = 0;
  // How much of the path is left behind the link that is being followed.
  let behindLink: number | undefined;
  for (let part = left.pop(); part !== undefined; part = left.pop()) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      done.pop();
      continue;
    }
    const place = join(root, ...done, part);
    const target = await linkTarget(place, path, missing);
    if (target === null) {
      if (behindLink !== undefined && left.length >= behindLink) onDanglingLink(path);
      return undefined;
    }
    if (target === undefined) {
      done.push(part);
      continue;
    }
    if (++links > MAX_LINKS) throw fileError(path, "too many links");
    if (behindLink === undefined || left.length < behindLink) behindLink = left.length;
    if (posix.isAbsolute(target)) done.length = 0;
    left.push(...target.split("/").reverse());
  }
  return join(root, ...done);
}

/** Where a link leads; undefined for what is no link, null for what does not exist. */
async function linkTarget(
  place: string,
  path: string,
  missing: readonly unknown[],
): Promise<string | undefined | null> {
  try {
    return (await lstat(place)).isSymbolicLink() ? await readlink(place) : undefined;
  } catch (cause) {
    if (missing.includes(codeOf(cause))) return null;
    throw fileError(path, messageOf(cause), { cause });
  }
}

function fileError(
  path: string,
  why: string,
  { code = "ERR_CONFIG_FILE", cause }: { code?: ConfigErrorCode; cause?: unknown } = {},
): ConfigError {
  const origin = { file: path, line: 1, column: 1 };
  return new ConfigError(code, `${path}: ${why}`, cause === undefined ? { origin } : { origin, cause });
}

function codeOf(cause: unknown): unknown {
  return cause instanceof Error && "code" in cause ? cause.code : undefined;
}
