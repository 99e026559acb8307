/**
 * What a name that a user types may mean: as it is, by an alias, or on the registries that are searched.
 *
 * @see {@link https://github.com/containers/image/blob/v5.36.0/docs/containers-registries.conf.5.md#short-name-aliasing}
 * @module
 */
import {
  formatReference,
  parseRawReference,
  parseReference,
  type Reference,
  referenceName,
  withDefaultTag,
  withDigest,
  withTag,
} from "../../core/reference.ts";
import { raceSignal, type SignalOptions } from "../../core/signal.ts";
import { OciError } from "../errors.ts";
import type { RegistriesConf, WithOrigin } from "./registries.ts";
import { isShortName, parseShortNameMode, type ShortNameMode } from "./short-name-alias.ts";

/** Asks which of several images is meant: the chosen one, or nothing where nobody can be asked. */
export type ChooseImage = (
  candidates: readonly string[],
  options: SignalOptions,
) => string | undefined | Promise<string | undefined>;

/** What short names are resolved by. */
export type ShortNameConfig = Pick<
  RegistriesConf,
  "aliases" | "unqualifiedSearchRegistries" | "shortNameMode"
>;

/** Options of {@link resolveShortName}. */
export interface ResolveShortNameOptions extends SignalOptions {
  /** Aliases that the user agreed to before, by short name; they go before those of the configuration. */
  userAliases?: Readonly<Record<string, string>> | undefined;
  /** In place of the mode of the configuration. */
  mode?: ShortNameMode | undefined;
  /** Whether a short name is one of Docker Hub, whatever is configured. Default no. */
  forceDockerHub?: boolean | undefined;
  /** Asks a user. Default: nobody can be asked. */
  choose?: ChooseImage | undefined;
}

/** What a name may mean. */
export interface ShortNameResolution {
  /** To be tried in this order; with `latest` where neither tag nor digest is given. Never empty. */
  candidates: readonly Reference[];
  /** How they were found. */
  by: "full-name" | "docker-hub" | "alias" | "search";
  /** The file of the alias or of the list of registries; `user` for the user's own aliases. */
  origin?: string;
}

/**
 * What an alias says about a short name: a full name, or an empty text where there is none on purpose. Undefined where
 * nothing is said.
 */
export function lookUpAlias(
  config: Pick<RegistriesConf, "aliases">,
  name: string,
  userAliases: Readonly<Record<string, string>> = {},
): WithOrigin<string> | undefined {
  const own = Object.hasOwn(userAliases, name) ? userAliases[name] : undefined;
  return own === undefined ? config.aliases.get(name) : { value: own, origin: "user" };
}

/**
 * What a name may mean, as Podman finds it.
 *
 * Whether any candidate exists is not checked.
 *
 * @throws {CoreError} `ERR_REFERENCE_INVALID`.
 * @throws {OciError} `ERR_OCI_NOT_FOUND` if a short name has no alias and no registry is searched;
 * `ERR_OCI_SHORT_NAME_AMBIGUOUS` if the mode wants a user to choose and nobody did; `ERR_OCI_CONFIG_INVALID` for a mode
 * that is none.
 */
export async function resolveShortName(
  text: string,
  config: ShortNameConfig,
  options: ResolveShortNameOptions = {},
): Promise<ShortNameResolution> {
  const { signal, choose, userAliases } = options;
  signal?.throwIfAborted();
  const mode = parseShortNameMode(options.mode ?? config.shortNameMode.value);
  const limit = { lengthLimit: "name" } as const;
  if (!isShortName(text)) {
    return { candidates: [withDefaultTag(parseReference(text, limit))], by: "full-name" };
  }
  if (options.forceDockerHub) {
    return { candidates: [withDefaultTag(parseReference(text, limit))], by: "docker-hub" };
  }
  const short = parseRawReference(text, limit);
  const alias = lookUpAlias(config, referenceName(short), userAliases);
  if (alias && alias.value !== "") {
    const candidate = withVersionOf(parseReference(alias.value, limit), short);
    return { candidates: [candidate], by: "alias", origin: alias.origin };
  }
  const { value: registries, origin } = config.unqualifiedSearchRegistries;
  if (registries.length === 0) {
    const why = "did not resolve to an alias and no unqualified-search registries are defined";
    throw new OciError("ERR_OCI_NOT_FOUND", `short-name ${JSON.stringify(text)} ${why}`);
  }
  const candidates = registries.map((host) => withDefaultTag(parseReference(`${host}/${text}`, limit)));
  const found = { by: "search", origin } as const;
  if (mode === "disabled" || candidates.length === 1) return { candidates, ...found };
  const texts = candidates.map(formatReference);
  const chosen = choose && (await raceSignal(Promise.resolve(choose(texts, { signal })), signal));
  if (chosen !== undefined) {
    const candidate = candidates[texts.indexOf(chosen)];
    if (!candidate) throw new TypeError("choose gave back none of the candidates");
    return { candidates: [candidate], ...found };
  }
  if (mode === "permissive") return { candidates, ...found };
  throw new OciError(
    "ERR_OCI_SHORT_NAME_AMBIGUOUS",
    "short-name resolution enforced but cannot prompt without a TTY",
  );
}

/** The names under which an image of a short name may be stored already: its alias, local ones, searched ones. */
export function localCandidates(
  text: string,
  config: ShortNameConfig,
  { userAliases }: Pick<ResolveShortNameOptions, "userAliases"> = {},
): Reference[] {
  const limit = { lengthLimit: "name" } as const;
  if (!isShortName(text)) return [withDefaultTag(parseReference(text, limit))];
  const short = parseRawReference(text, limit);
  const alias = lookUpAlias(config, referenceName(short), userAliases);
  const aliased =
    alias && alias.value !== "" ? [withVersionOf(parseReference(alias.value, limit), short)] : [];
  const hosts = ["localhost", ...config.unqualifiedSearchRegistries.value];
  return [...aliased, ...hosts.map((host) => withDefaultTag(parseReference(`${host}/${text}`, limit)))];
}

function withVersionOf(name: Reference, { tag, digest }: Reference): Reference {
  const tagged = tag === undefined ? name : withTag(name, tag);
  return withDefaultTag(digest === undefined ? tagged : withDigest(tagged, digest));
}
