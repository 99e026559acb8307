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
import type { NodeConfig } from "../node.ts";
import type { NodeCredentialsStep } from "./credential-steps.ts";
import { type FoundCredentials, kubeletCredentials } from "./kubelet-credentials.ts";
import { containerdOwnCredentials, crioCredentials } from "./runtime-credentials.ts";

/** Options of {@link lookUpNodeCredentials} and {@link nodeCredentials}. */
export interface NodeCredentialsOptions {
  /** Those of the Pod's pull secrets and of its service account's. Default none. */
  pullSecrets?: PullSecrets | undefined;
  /** Namespace of the Pod. Default none: no file of a namespace counts. */
  namespace?: string | undefined;
  /**
   * The image as the Pod has it, by which the kubelet looks for what it gives; to be said where there are mirrors. What
   * the kubelet has is then for the host of this image alone. Default the repository.
   */
  image?: string | undefined;
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
 * A kubelet gives its runtime what pull secrets of the Pod have, then what its own file has, and programs of its
 * credential provider configuration; a pull is tried with each in turn. Where it has nothing the runtime looks for
 * itself. What the kubelet gives is told for the image's own host alone; containerd sends it to mirrors, too, and CRI-O to
 * whatever a short name stands for.
 *
 * @param repository Full name, such as `docker.io/library/busybox`.
 * @throws {TypeError} For a repository that is a URL or has a tag or digest.
 * @throws {CoreError} `ERR_REFERENCE_INVALID` for an `image` that is no reference.
 */
export async function lookUpNodeCredentials(
  node: NodeConfig,
  repository: string,
  options: NodeCredentialsOptions & SignalOptions = {},
): Promise<NodeCredentialsLookup> {
  const { steps, found, unknown, error } = await search(node, repository, options);
  if (unknown) return { kind: "unknown", steps };
  if (error) return { kind: "failed", error, steps };
  const [first, ...others] = found.map(({ step }) => step);
  return first ? { kind: "found", first, others, steps } : { kind: "none", steps };
}

/**
 * The credentials that a node pulls with, as a function for `createRegistry`: those that it tries first.
 *
 * Files are read at each call. It gives a host only what is for that host, also where containerd would send a mirror
 * the credentials of the registry that it stands in for. It rejects with an `OciError` `ERR_OCI_AUTH_FILE_INVALID` or
 * `ERR_OCI_CREDENTIAL_HELPER` where the runtime cannot read its credentials, and with the latter where programs decide
 * that are not run here: nobody becomes anonymous because something is not known.
 */
export function nodeCredentials(node: NodeConfig, options: NodeCredentialsOptions = {}): CredentialsFunction {
  return async (host, { repository, signal }): Promise<Credentials | undefined> => {
    const key = repository === "" ? host : `${host}/${repository}`;
    const { found, unknown, error } = await search(node, key, { ...options, signal });
    if (unknown) throw notRunError(unknown);
    if (error) throw error;
    return found[0]?.credentials;
  };
}

interface Search {
  readonly steps: readonly NodeCredentialsStep[];
  readonly found: readonly FoundCredentials[];
  /** A program that is not run and would have been asked before anything was found. */
  readonly unknown?: NodeCredentialsStep | undefined;
  readonly error?: LadingError;
}

async function search(
  node: NodeConfig,
  repository: string,
  options: NodeCredentialsOptions & SignalOptions,
): Promise<Search> {
  const { pullSecrets = [], namespace = "", image = repository, run, signal } = options;
  const check = checkAuthKey(repository);
  if (check.kind === "invalid") throw new TypeError(`no name of a repository: ${check.reason}`);
  signal?.throwIfAborted();
  const name = options.image === undefined ? repository : referenceName(parseReference(image));
  const kubelet = await kubeletCredentials(node, name, pullSecrets, { signal });
  const isOwnHost = hostOfKey(repository) === hostOfKey(name);
  // The kubelet's programs come after its file, and the runtime is on its own only where they have nothing, too.
  if (kubelet.found.length > 0 && isOwnHost) return kubelet;
  // What is for another host is not told to this one: CRI-O then looks for itself, and containerd does not.
  if (kubelet.found.length > 0 && node.runtime.kind === "containerd") return { steps: [], found: [] };
  const before = isOwnHost || node.runtime.kind === "containerd" ? kubelet.steps : [];
  const query = { files: node.files, repository, image, namespace, run, signal };
  try {
    const { runtime } = node;
    const own =
      runtime.kind === "cri-o"
        ? await crioCredentials(runtime, query)
        : await containerdOwnCredentials(runtime, query);
    const steps = [...before, ...own.steps];
    return { steps, found: own.found, unknown: steps.find(isNotRun) };
  } catch (error) {
    if (!isLadingError(error) || !FAILURES.includes(error.code)) throw error;
    return { steps: before, found: [], unknown: before.find(isNotRun), error };
  }
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
