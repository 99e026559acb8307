/**
 * registries.d: where signatures of which images are looked for.
 *
 * ```text
 * file     = [ "default-docker": section ] [ "docker": { scope: section … } ]
 * scope    = name:tag or name@digest / name / a parent of it / host[:port] / "*." tail of a host
 * section  = [ "lookaside" / "sigstore": URL ] [ "lookaside-staging" / "sigstore-staging": URL ]
 *            [ "use-sigstore-attachments": boolean ]
 * ```
 *
 * An image's scopes are walked from the narrowest to the widest and then to `default-docker`, for every option anew:
 * the first section that sets it wins. The manual page says that only the narrowest section counts; the programs do
 * what is written here.
 *
 * @see {@link https://github.com/podman-container-tools/container-libs/blob/9869b8fd/image/docker/registries_d.go}
 * @module
 */
import type { Reference } from "../../core/reference.ts";
import { PolicyError } from "../errors.ts";
import { quote } from "../quote.ts";
import { dockerLookup } from "../scope.ts";
import { parseRegistriesDFile, type RegistriesDNote, type SectionOptions } from "./registries-d-yaml.ts";

/** A file of registries.d. */
export interface RegistriesDText {
  /** Where it is, for messages and traces. */
  readonly path: string;
  readonly text: string;
}

/** What a scope is configured to, and where. */
export interface RegistriesDSection extends SectionOptions {
  /** Path of the file. */
  readonly file: string;
}

/** Something that has no effect, with its file. */
export interface RegistriesDWarning extends RegistriesDNote {
  readonly file: string;
}

/** What all files say together. */
export interface RegistriesD {
  readonly defaultDocker: RegistriesDSection | undefined;
  /** By scope, as written. */
  readonly docker: ReadonlyMap<string, RegistriesDSection>;
  /** What has no effect: the programs pass over it without a word. */
  readonly warnings: readonly RegistriesDWarning[];
}

/** Longest file, in characters. */
const MAX_FILE_LENGTH = 4 * 1024 * 1024;

/**
 * Reads files of registries.d.
 *
 * URLs and scopes are not checked: a bad URL is an error for the images that it is for.
 *
 * @param files In any order: no file goes before another. Which of several folders' files count is told by
 * {@link loadRegistriesD}.
 * @throws {PolicyError} `ERR_POLICY_REGISTRIES_D` for a file that is not YAML of the right shape, or longer than 4 Mi
 * characters, and for a scope, or `default-docker`, in more than one file.
 */
export async function parseRegistriesD(files: readonly RegistriesDText[]): Promise<RegistriesD> {
  let defaultDocker: RegistriesDSection | undefined;
  const docker = new Map<string, RegistriesDSection>();
  const warnings: RegistriesDWarning[] = [];
  for (const { path: file, text } of files) {
    if (text.length > MAX_FILE_LENGTH) {
      throw new PolicyError("ERR_POLICY_REGISTRIES_D", `parsing ${file}: longer than ${MAX_FILE_LENGTH}`);
    }
    const read = await parseRegistriesDFile(file, text);
    for (const each of read.notes) warnings.push({ ...each, file });
    if (read.defaultDocker) {
      if (defaultDocker) throw definedTwice(quote("default-docker"), defaultDocker.file, file);
      defaultDocker = { ...read.defaultDocker, file };
    }
    for (const [scope, section] of read.docker) {
      const other = docker.get(scope);
      if (other) throw definedTwice(`"docker" namespace ${quote(scope)}`, other.file, file);
      docker.set(scope, { ...section, file });
    }
  }
  return { defaultDocker, docker, warnings };
}

function definedTwice(what: string, first: string, second: string): PolicyError {
  return new PolicyError(
    "ERR_POLICY_REGISTRIES_D",
    `Error parsing signature storage configuration: ${what} defined both in ${quote(first)} and ${quote(second)}`,
  );
}

/** A value with the place that sets it. */
export interface ConfiguredValue<T> {
  readonly value: T;
  /** File and key, such as `/etc/containers/registries.d/default.yaml: default-docker.lookaside`. */
  readonly origin: string;
}

/** What registries.d says about an image; absent where it says nothing. */
export interface SignatureSettings {
  /** Where its signatures are read: as written, without the image's own path. */
  readonly lookaside?: ConfiguredValue<string>;
  /** Where its signatures are written, likewise. */
  readonly lookasideStaging?: ConfiguredValue<string>;
  /** Whether attachments are looked for. */
  readonly useSigstoreAttachments?: ConfiguredValue<boolean>;
  /** Every key that was looked for in `docker`, in order. */
  readonly candidates: readonly string[];
}

/**
 * What registries.d says about an image.
 *
 * @param reference The image as it is read: with a mirror's name where it comes from a mirror. A bare name is taken
 * with the tag `latest`.
 * @throws {PolicyError} `ERR_POLICY_REFERENCE` for a reference with both tag and digest.
 */
export function signatureSettings(config: RegistriesD, reference: Reference): SignatureSettings {
  const { identity, namespaces } = dockerLookup(reference);
  const candidates = [...new Set([identity, ...namespaces])];
  const walk: [key: string, section: RegistriesDSection][] = [];
  for (const scope of candidates) {
    const section = config.docker.get(scope);
    if (section) walk.push([`docker.${quote(scope)}`, section]);
  }
  if (config.defaultDocker) walk.push(["default-docker", config.defaultDocker]);
  const lookaside = firstOf(walk, ["lookaside", "sigstore"]);
  const staging = firstOf(walk, ["lookasideStaging", "sigstoreStaging", "lookaside", "sigstore"]);
  const attachments = firstOf(walk, ["useSigstoreAttachments"]);
  return {
    ...(lookaside === undefined ? {} : { lookaside }),
    ...(staging === undefined ? {} : { lookasideStaging: staging }),
    ...(attachments === undefined ? {} : { useSigstoreAttachments: attachments }),
    candidates,
  };
}

const KEYS: Readonly<Record<keyof SectionOptions, string>> = {
  lookaside: "lookaside",
  lookasideStaging: "lookaside-staging",
  sigstore: "sigstore",
  sigstoreStaging: "sigstore-staging",
  useSigstoreAttachments: "use-sigstore-attachments",
};

/** The first section that sets one of the options, and of its options the first. */
function firstOf<K extends keyof SectionOptions>(
  walk: readonly [key: string, section: RegistriesDSection][],
  options: readonly K[],
): ConfiguredValue<NonNullable<SectionOptions[K]>> | undefined {
  for (const [key, section] of walk) {
    for (const option of options) {
      const value = section[option];
      if (value !== undefined) return { value, origin: `${section.file}: ${key}.${KEYS[option]}` };
    }
  }
  return undefined;
}
