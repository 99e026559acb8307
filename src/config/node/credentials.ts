/**
 * The credentials that a node pulls with.
 *
 * @module
 */
import { isLadingError, type LadingError } from "../../core/errors.ts";
import { parseReference, referenceName } from "../../core/reference.ts";
import type { SignalOptions } from "../../core/signal.ts";
import { checkAuthKey, hostOfKey } from "../../oci/credentials/auth-key.ts";
import type { RunCredentialHelper } from "../../oci/credentials/helper-protocol.ts";
import type { PullSecrets } from "../../oci/credentials/pull-secret.ts";
import type { Credentials, CredentialsFunction } from "../../oci/credentials.ts";
import { OciError } from "../../oci/errors.ts";
import { isShortName } from "../../oci/mirrors/short-name-alias.ts";
import type { NodeConfig } from "../node.ts";
import { hasUser, type NodeCredentialsStep } from "./credential-steps.ts";
import { type FoundCredentials, type KubeletCredentials, kubeletCredentials } from "./kubelet-credentials.ts";
import { containerdOwnCredentials, crioCredentials } from "./runtime-credentials.ts";

/** Options of {@link lookUpNodeCredentials} and {@link nodeCredentials}. */
export interface NodeCredentialsOptions {
  /** Those of the Pod's pull secrets and of its service account's. Default none. */
  pullSecrets?: PullSecrets | undefined;
  /** Namespace of the Pod. Default none: no file of a namespace counts. */
  namespace?: string | undefined;
  /**
   * The image as the Pod has it, by which the kubelet looks for what it gives; to be said where there are mirrors or
   * short names. Default the repository.
   */
  image?: string | undefined;
  /**
   * Full name of what is pulled, as CRI-O takes a short name for it; to be said of a short name that is read from a
   * mirror. Default the repository for a short name, else the image.
   */
  candidate?: string | undefined;
  /**
   * Runs credential helpers. Default: none is run, since programs of the node are not those of this machine; one that
   * would be asked leaves the look-up `unknown`.
   */
  run?: RunCredentialHelper | undefined;
}

/** How a node finds its credentials for a repository. None of it holds a secret. */
export type NodeCredentialsLookup =
  | {
      readonly kind: "found";
      /** What is tried first. */
      readonly first: NodeCredentialsStep;
      /** What is tried in turn when a pull fails. */
      readonly others: readonly NodeCredentialsStep[];
      /**
       * Whether these are for the image's own host, as the kubelet takes it, and the runtime sends them to another one:
       * containerd to mirrors, CRI-O to what a short name stands for.
       */
      readonly toOtherHost: boolean;
      readonly steps: readonly NodeCredentialsStep[];
    }
  /** The registry is asked without. */
  | { readonly kind: "none"; readonly steps: readonly NodeCredentialsStep[] }
  /** Programs would be asked that are not run here: what they have is not known, and decides. */
  | { readonly kind: "unknown"; readonly steps: readonly NodeCredentialsStep[] }
  /** The runtime cannot read its own credentials, which fails the pull. */
  | { readonly kind: "failed"; readonly error: LadingError; readonly steps: readonly NodeCredentialsStep[] };

/**
 * How a node finds the credentials to pull from a repository: files, helpers and keys by name, never a secret.
 *
 * A kubelet looks by the name of the image, short names being Docker Hub's: it gives its runtime what pull secrets of the
 * Pod have, then what its own file has, and programs of its credential provider configuration; a pull is tried with each
 * in turn. containerd sends that to whatever host it asks, mirrors included. CRI-O sends it to the host of the candidate
 * that it pulls, whatever that is, and to no other one; an entry without user name it passes over. Where the kubelet has
 * nothing for the place the runtime looks for itself: containerd by the host that is asked, CRI-O by the repository.
 *
 * @param repository Full name at the place that is asked, such as `docker.io/library/busybox`.
 * @throws {TypeError} For a repository or candidate that is a URL or has a tag or digest.
 * @throws {CoreError} `ERR_REFERENCE_INVALID` for an `image` that is no reference.
 */
export async function lookUpNodeCredentials(
  node: NodeConfig,
  repository: string,
  options: NodeCredentialsOptions & SignalOptions = {},
): Promise<NodeCredentialsLookup> {
  const { steps, found, toOtherHost, unknown, error } = await search(node, repository, options);
  if (unknown) return { kind: "unknown", steps };
  if (error) return { kind: "failed", error, steps };
  const [first, ...others] = found.map(({ step }) => step);
  return first ? { kind: "found", first, others, toOtherHost, steps } : { kind: "none", steps };
}

/**
 * The credentials that a node pulls with, as a function for `createRegistry`: those that it tries first.
 *
 * Files are read at each call. It gives a host only what is for that host, also where the runtime would send it what the
 * kubelet has for another one. It rejects with an `OciError` `ERR_OCI_AUTH_FILE_INVALID` or
 * `ERR_OCI_CREDENTIAL_HELPER` where the runtime cannot read its credentials, and with the latter where programs decide
 * that are not run here: nobody becomes anonymous because something is not known.
 */
export function nodeCredentials(node: NodeConfig, options: NodeCredentialsOptions = {}): CredentialsFunction {
  return async (host, { repository, signal }): Promise<Credentials | undefined> => {
    const key = repository === "" ? host : `${host}/${repository}`;
    const sent = await search(node, key, { ...options, signal });
    // What is for another host is not told to this one. CRI-O can look for itself, and containerd would not.
    if (sent.toOtherHost && node.runtime.kind === "containerd") return undefined;
    const { found, unknown, error } = sent.toOtherHost
      ? await search(node, key, { ...options, signal, ownOnly: true })
      : sent;
    if (unknown) throw notRunError(unknown);
    if (error) throw error;
    return found[0]?.credentials;
  };
}

interface Search {
  readonly steps: readonly NodeCredentialsStep[];
  readonly found: readonly FoundCredentials[];
  readonly toOtherHost: boolean;
  /** A program that is not run and would have been asked before anything was found. */
  readonly unknown?: NodeCredentialsStep | undefined;
  readonly error?: LadingError;
}

interface SearchOptions extends NodeCredentialsOptions, SignalOptions {
  /** Whether the runtime looks for itself, as if the kubelet had nothing for the place. Default no. */
  readonly ownOnly?: boolean;
}

async function search(node: NodeConfig, repository: string, options: SearchOptions): Promise<Search> {
  const { pullSecrets = [], namespace = "", image, run, ownOnly = false, signal } = options;
  const { runtime, files } = node;
  const host = repositoryHost(repository);
  signal?.throwIfAborted();
  const name = image === undefined ? repository : referenceName(parseReference(image));
  const { candidate = image !== undefined && isShortName(image) ? repository : name } = options;
  const isOfCandidate = host === repositoryHost(candidate);
  const isGiven = !ownOnly && (runtime.kind === "containerd" || isOfCandidate);
  const kubelet: KubeletCredentials = isGiven
    ? await kubeletCredentials(node, name, pullSecrets, { signal })
    : { steps: [], found: [] };
  const given = kubelet.found.filter(isSent);
  const toOtherHost = given.length > 0 && host !== hostOfKey(name);
  // The kubelet's programs come after its file, and containerd is on its own only where the kubelet has no entry at all.
  const isOnItsOwn =
    kubelet.found.length === 0 || (runtime.kind === "cri-o" && given.length < kubelet.found.length);
  if (!isOnItsOwn) return { steps: kubelet.steps, found: given, toOtherHost };
  const isFirstGiven = kubelet.found.slice(0, 1).some(isSent);
  const query = { files, repository, image: image ?? repository, namespace, run, signal };
  try {
    const own =
      runtime.kind === "cri-o"
        ? await crioCredentials(runtime, query)
        : await containerdOwnCredentials(runtime, query);
    const steps = [...kubelet.steps, ...own.steps];
    const unknown = isFirstGiven ? undefined : steps.find(isNotRun);
    return { steps, found: inTurn(kubelet.found, own.found), toOtherHost, unknown };
  } catch (error) {
    if (!isLadingError(error) || !FAILURES.includes(error.code)) throw error;
    const { steps } = kubelet;
    if (isFirstGiven) return { steps, found: given, toOtherHost };
    return { steps, found: given, toOtherHost, unknown: steps.find(isNotRun), error };
  }
}

/** What is sent in turn: for an entry of the kubelet's without user name CRI-O sends what it has itself. */
function inTurn(
  given: readonly FoundCredentials[],
  own: readonly FoundCredentials[],
): readonly FoundCredentials[] {
  return given.length === 0 ? own : [...new Set(given.flatMap((each) => (isSent(each) ? [each] : own)))];
}

/** What a kubelet gives without user name runtimes take for none. */
function isSent({ credentials }: FoundCredentials): boolean {
  return hasUser(credentials);
}

/** The host of a full name. */
function repositoryHost(name: string): string {
  const check = checkAuthKey(name);
  if (check.kind === "invalid") throw new TypeError(`no name of a repository: ${check.reason}`);
  return hostOfKey(name);
}

/** What says that a file or program of the runtime is broken. */
const FAILURES: readonly string[] = [
  "ERR_OCI_AUTH_FILE_INVALID",
  "ERR_OCI_CREDENTIAL_HELPER",
  "ERR_OCI_CONFIG_INVALID",
];

function isNotRun({ outcome }: NodeCredentialsStep): boolean {
  return outcome === "not-run";
}

function notRunError(step: NodeCredentialsStep): OciError {
  const what = step.by === "kubelet-provider" ? `the providers of ${step.path}` : "credential helpers";
  return new OciError("ERR_OCI_CREDENTIAL_HELPER", `${what} would be asked, and are not run`);
}
