/**
 * What a name in a Pod may mean to a node.
 *
 * @module
 */
import { isLadingError } from "../../core/errors.ts";
import type { Reference } from "../../core/reference.ts";
import type { SignalOptions } from "../../core/signal.ts";
import { OciError } from "../../oci/errors.ts";
import { parseRegistriesFile } from "../../oci/mirrors/registries-conf.ts";
import { resolveShortName, type ShortNameResolution } from "../../oci/mirrors/short-names.ts";
import type { CrioRuntime, NodeConfig } from "../node.ts";
import type { NodeFiles } from "../node-files.ts";

/** Where aliases are kept that users agreed to. */
const USER_ALIASES = "/var/cache/containers/short-name-aliases.conf";

/**
 * The images that a name may mean on a node, in the order in which they are tried.
 *
 * To containerd a short name is one of Docker Hub. CRI-O goes by aliases and the registries that are searched, in its
 * `short_name_mode`: `registries.conf` has no say in that. Both drop a tag beside a digest.
 *
 * @param name As a Pod has it.
 * @throws {CoreError} `ERR_REFERENCE_INVALID`.
 * @throws {OciError} `ERR_OCI_NOT_FOUND` for a short name without alias and search, `ERR_OCI_SHORT_NAME_AMBIGUOUS` with
 * CRI-O's text where its mode refuses several candidates; both fail the pull. `ERR_OCI_CONFIG_INVALID` for a file of
 * aliases that is none.
 */
export async function nodeShortNames(
  { runtime, files }: NodeConfig,
  name: string,
  { signal }: SignalOptions = {},
): Promise<ShortNameResolution> {
  signal?.throwIfAborted();
  const found =
    runtime.kind === "containerd"
      ? await resolveShortName(name, NO_CONFIG, { forceDockerHub: true, signal })
      : await crioNames(runtime, files, name, { signal });
  return { ...found, candidates: found.candidates.map(withoutTagBesideDigest) };
}

const NO_CONFIG = {
  aliases: new Map(),
  unqualifiedSearchRegistries: { value: [], origin: "" },
  shortNameMode: { value: "enforcing" as const, origin: "" },
};

async function crioNames(
  { config, registries }: CrioRuntime,
  files: NodeFiles,
  name: string,
  { signal }: SignalOptions,
): Promise<ShortNameResolution> {
  const userAliases = await readUserAliases(files, { signal });
  const mode = config.image.short_name_mode.value === "disabled" ? "disabled" : "enforcing";
  try {
    const found = await resolveShortName(name, registries, { mode, userAliases, signal });
    return found.origin === "user" ? { ...found, origin: USER_ALIASES } : found;
  } catch (cause) {
    if (!isLadingError(cause) || cause.code !== "ERR_OCI_SHORT_NAME_AMBIGUOUS") throw cause;
    const message = `short name mode is enforcing, but image name ${name} returns ambiguous list`;
    throw new OciError(cause.code, message, { cause });
  }
}

async function readUserAliases(
  files: NodeFiles,
  { signal }: SignalOptions,
): Promise<Readonly<Record<string, string>>> {
  const text = await files.read(USER_ALIASES, { signal });
  if (text === undefined) return {};
  try {
    const { aliases } = parseRegistriesFile(text, { origin: USER_ALIASES, lenient: true });
    return Object.fromEntries(aliases);
  } catch (cause) {
    if (!(cause instanceof OciError)) throw cause;
    throw new OciError(cause.code, `${USER_ALIASES}: ${cause.message}`, { cause });
  }
}

function withoutTagBesideDigest({ tag, ...reference }: Reference): Reference {
  return tag === undefined || reference.digest !== undefined ? reference : { ...reference, tag };
}
