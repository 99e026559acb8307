/**
 * Credentials that a kubelet gives to its runtime: of pull secrets, and of files of its own.
 *
 * @see {@link https://kubernetes.io/docs/concepts/containers/images/#configuring-nodes-to-authenticate-to-a-private-registry}
 * @module
 */
import { posix } from "node:path";
import type { SignalOptions } from "../../core/signal.ts";
import {
  covers,
  findPullSecrets,
  type PullSecrets,
  parsePullSecrets,
} from "../../oci/credentials/pull-secret.ts";
import type { Credentials } from "../../oci/credentials.ts";
import { OciError } from "../../oci/errors.ts";
import { isConfigError } from "../errors.ts";
import type { NodeConfig } from "../node.ts";
import type { NodeFiles } from "../node-files.ts";
import { loadCredentialProviders } from "./credential-providers.ts";
import { hasUser, type NodeCredentialsStep } from "./credential-steps.ts";
import { daemonPath } from "./file-access.ts";

/** Something found, with the step that found it. */
export interface FoundCredentials {
  readonly credentials: Credentials;
  readonly step: NodeCredentialsStep;
}

/** What a kubelet has for an image. */
export interface KubeletCredentials {
  readonly steps: readonly NodeCredentialsStep[];
  /** In the order in which pulls are tried with them. */
  readonly found: readonly FoundCredentials[];
}

/** The file that a kubelet goes by, and those that it passed over. */
interface KubeletFile {
  readonly steps: readonly NodeCredentialsStep[];
  readonly path?: string;
  readonly secrets: PullSecrets;
}

/**
 * What a kubelet has for a repository: entries of the Pod's secrets, then those of its own file. Programs of its
 * credential provider configuration are named and not run.
 */
export async function kubeletCredentials(
  node: NodeConfig,
  repository: string,
  pullSecrets: PullSecrets,
  { signal }: SignalOptions,
): Promise<KubeletCredentials> {
  const { imageCredentialProviderConfig: config } = node.kubelet;
  const found: FoundCredentials[] = findPullSecrets(pullSecrets, repository).map(({ key, credentials }) => ({
    credentials,
    step: { by: "pull-secret", key, outcome: "found", user: hasUser(credentials) },
  }));
  const file = await kubeletFile(node, { signal });
  const { path } = file;
  const entries = path === undefined ? [] : findPullSecrets(file.secrets, repository);
  const steps = [...found.map(({ step }) => step), ...file.steps];
  if (path !== undefined && entries.length === 0) steps.push({ by: "kubelet-file", path, outcome: "none" });
  for (const { key, credentials } of entries) {
    if (path === undefined) break;
    const step = { by: "kubelet-file", path, outcome: "found", key, user: hasUser(credentials) } as const;
    found.push({ credentials, step });
    steps.push(step);
  }
  if (config.value !== "") steps.push(...(await providerSteps(node, repository, { signal })));
  return { steps, found };
}

/** What is told of the programs that are asked for a repository. */
async function providerSteps(
  { kubelet, files }: NodeConfig,
  repository: string,
  options: SignalOptions,
): Promise<NodeCredentialsStep[]> {
  const { imageCredentialProviderConfig: config, imageCredentialProviderBinDir: folder } = kubelet;
  const named = { by: "kubelet-provider", path: config.value, folder: folder.value } as const;
  const origin = config.origin ? { origin: config.origin } : {};
  const providers = await loadCredentialProviders(config.value, files, options);
  if (!providers) return [{ ...named, outcome: "not-run", ...origin }];
  const steps = providers.flatMap(({ name, matchImages, origin }): NodeCredentialsStep[] => {
    const pattern = matchImages.find((each) => covers(each, repository));
    return pattern === undefined ? [] : [{ ...named, name, pattern, outcome: "not-run", origin }];
  });
  return steps.length > 0 ? steps : [{ ...named, outcome: "none", ...origin }];
}

/** The first file that a kubelet finds and can read. */
async function kubeletFile(
  { kubelet, kubeletEnv = {}, files }: NodeConfig,
  { signal }: SignalOptions,
): Promise<KubeletFile> {
  const root = kubelet.rootDir.value;
  const home = kubeletEnv["HOME"] ?? "";
  const places = [
    ...[root, "", posix.join(home, ".docker"), "/.docker"].map((folder) => [folder, "config.json"] as const),
    ...[root, "", home, "/"].map((folder) => [folder, ".dockercfg"] as const),
  ];
  const steps: NodeCredentialsStep[] = [];
  for (const path of new Set(places.map(([folder, name]) => daemonPath(posix.join(folder, name))))) {
    const read = await readKubeletFile(files, path, { signal });
    if (typeof read !== "string") return { steps, path, secrets: read };
    steps.push({ by: "kubelet-file", path, outcome: read });
  }
  return { steps, secrets: [] };
}

async function readKubeletFile(
  files: NodeFiles,
  path: string,
  { signal }: SignalOptions,
): Promise<PullSecrets | "missing" | "broken"> {
  try {
    const text = await files.read(path, { signal });
    if (text === undefined) return "missing";
    const [type, member] = path.endsWith("/.dockercfg")
      ? (["kubernetes.io/dockercfg", ".dockercfg"] as const)
      : (["kubernetes.io/dockerconfigjson", ".dockerconfigjson"] as const);
    return parsePullSecrets([{ type, data: { [member]: Buffer.from(text).toString("base64") } }]);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof OciError || isConfigError(error)) return "broken";
    throw error;
  }
}
