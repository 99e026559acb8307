/**
 * The private keys that a node opens encrypted images with.
 *
 * @see {@link https://github.com/cri-o/cri-o/blob/v1.36.0/docs/crio.conf.5.md}
 * @see {@link https://github.com/containerd/containerd/blob/v2.1.0/docs/cri/decryption.md}
 * @module
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { posix } from "node:path";
import type { SignalOptions } from "../../core/signal.ts";
import type { ContainerdStreamProcessor } from "../containerd/stream-processors.ts";
import { ConfigError } from "../errors.ts";
import type { ContainerdNodeRuntime, CrioRuntime, NodeConfig } from "../node.ts";
import type { NodeFiles } from "../node-files.ts";
import type { Origin } from "../origin.ts";
import { daemonPath } from "./file-access.ts";

/** A file in a folder of keys. */
export interface DecryptionKey {
  readonly path: string;
  /**
   * `other`: neither a private key that Node reads without a passphrase nor a certificate: a key of OpenPGP or PKCS #11,
   * or something that is no key. CRI-O fails every pull for what it cannot read as one.
   */
  readonly kind: "private-key" | "certificate" | "other";
  /** Such as `rsa` or `ec`, of a private key. */
  readonly type?: string;
}

/** A folder of keys. */
export interface DecryptionFolder {
  readonly path: string;
  /** Where it is named; absent for a default. */
  readonly origin?: Origin;
  /** False where it does not exist: then no layer can be opened. */
  readonly exists: boolean;
  /** Files in it and below, by path. No content is kept. */
  readonly keys: readonly DecryptionKey[];
  /**
   * The first link in it, or the folder as one: readers refuse a folder with links. CRI-O reads keys for every pull,
   * and fails all of them.
   */
  readonly link?: string;
}

/** How a node opens encrypted images. */
export type NodeDecryption =
  /** With the keys of a folder. */
  | {
      readonly kind: "keys";
      readonly folder: DecryptionFolder;
      /** The file of key providers that the daemon's environment names: programs that are asked, too. */
      readonly providers?: string;
    }
  /** By programs of containerd's, with the folders of keys that their arguments name. */
  | {
      readonly kind: "processors";
      readonly processors: readonly {
        readonly name: string;
        readonly path: string;
        readonly accepts: readonly string[];
        readonly folder?: DecryptionFolder;
        /** The file of key providers that its environment names. Without, that of containerd's own may name one. */
        readonly providers?: string;
      }[];
    }
  /** Not at all: such an image cannot be pulled. */
  | { readonly kind: "none"; readonly reason: "no-keys-path" | "no-key-model" };

const PROVIDERS = "OCICRYPT_KEYPROVIDER_CONFIG";

const MAX_FILES = 1000;
const MAX_DEPTH = 32;
const KEYS_FLAG = "--decryption-keys-path";

/**
 * How a node opens encrypted images, and which private keys it has for that.
 *
 * @throws {ConfigError} `ERR_CONFIG_FILE` for what is there and cannot be read, which fails pulls of CRI-O;
 * `ERR_CONFIG_TOO_LARGE` for more than 1000 files, or folders 32 levels deep.
 */
export async function nodeDecryption(
  { runtime, files }: NodeConfig,
  { signal }: SignalOptions = {},
): Promise<NodeDecryption> {
  signal?.throwIfAborted();
  return runtime.kind === "cri-o"
    ? ofCrio(runtime, files, { signal })
    : ofContainerd(runtime, files, { signal });
}

async function ofCrio(
  { config, env }: CrioRuntime,
  files: NodeFiles,
  options: SignalOptions,
): Promise<NodeDecryption> {
  const { value, origin } = config.runtime.decryption_keys_path;
  if (value === "") return { kind: "none", reason: "no-keys-path" };
  const providers = env[PROVIDERS] ?? "";
  return {
    kind: "keys",
    folder: await readFolder(value, origin, files, options),
    ...(providers === "" ? {} : { providers }),
  };
}

async function ofContainerd(
  { config }: ContainerdNodeRuntime,
  files: NodeFiles,
  options: SignalOptions,
): Promise<NodeDecryption> {
  if (config.decryptionKeyModel.value !== "node") return { kind: "none", reason: "no-key-model" };
  const processors = [];
  for (const [name, processor] of config.streamProcessors) {
    const accepts = processor.accepts.map(({ value }) => value);
    if (!accepts.some((type) => type.endsWith("+encrypted"))) continue;
    const named = keysFolderOf(processor);
    const folder = named && { folder: await readFolder(named.value, named.origin, files, options) };
    const providers = processor.env.findLast(({ value }) => value.startsWith(`${PROVIDERS}=`));
    processors.push({
      name,
      path: processor.path.value,
      accepts,
      ...folder,
      ...(providers ? { providers: providers.value.slice(PROVIDERS.length + 1) } : {}),
    });
  }
  return { kind: "processors", processors };
}

/** The folder that the arguments of a program name, as one argument or as two. */
function keysFolderOf({ args }: ContainerdStreamProcessor): { value: string; origin?: Origin } | undefined {
  for (const [index, { value, origin }] of args.entries()) {
    if (value === KEYS_FLAG) return args[index + 1];
    if (value.startsWith(`${KEYS_FLAG}=`)) {
      return { value: value.slice(KEYS_FLAG.length + 1), ...(origin ? { origin } : {}) };
    }
  }
  return undefined;
}

async function readFolder(
  named: string,
  origin: Origin | undefined,
  files: NodeFiles,
  options: SignalOptions,
): Promise<DecryptionFolder> {
  const path = daemonPath(named);
  const found: Found = { keys: [], links: [] };
  const exists = await walk(path, 0, found, files, options);
  const [link] = found.links;
  return {
    path,
    ...(origin ? { origin } : {}),
    exists,
    keys: found.keys,
    ...(link === undefined ? {} : { link }),
  };
}

interface Found {
  keys: DecryptionKey[];
  links: string[];
}

/** Reads the files of a folder and of those in it; whether there is anything at the path. */
async function walk(
  path: string,
  depth: number,
  found: Found,
  files: NodeFiles,
  options: SignalOptions,
): Promise<boolean> {
  if (await files.isLink(path, options)) {
    found.links.push(path);
    return ((await files.list(path, options)) ?? (await files.readBytes(path, options))) !== undefined;
  }
  const names = await files.list(path, options);
  if (names) {
    if (depth > MAX_DEPTH) throw tooLarge(path, "folders are too deep");
    for (const name of names.sort()) await walk(posix.join(path, name), depth + 1, found, files, options);
    return true;
  }
  const bytes = await files.readBytes(path, options);
  if (!bytes) return false;
  if (found.keys.length === MAX_FILES) throw tooLarge(path, `more than ${MAX_FILES} files`);
  found.keys.push({ path, ...kindOf(bytes) });
  return true;
}

function kindOf(bytes: Uint8Array): Omit<DecryptionKey, "path"> {
  const forms = [
    { key: Buffer.from(bytes), format: "pem" },
    { key: Buffer.from(bytes), format: "der", type: "pkcs8" },
    { key: Buffer.from(bytes), format: "der", type: "pkcs1" },
    { key: Buffer.from(bytes), format: "der", type: "sec1" },
  ] as const;
  for (const form of forms) {
    try {
      const { asymmetricKeyType } = createPrivateKey(form);
      return { kind: "private-key", ...(asymmetricKeyType ? { type: asymmetricKeyType } : {}) };
    } catch {
      // Not of this form.
    }
  }
  try {
    new X509Certificate(bytes);
    return { kind: "certificate" };
  } catch {
    return { kind: "other" };
  }
}

function tooLarge(file: string, why: string): ConfigError {
  const origin = { file, line: 1, column: 1 };
  return new ConfigError("ERR_CONFIG_TOO_LARGE", `${file}: ${why}`, { origin });
}
