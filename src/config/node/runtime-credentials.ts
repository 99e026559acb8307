/**
 * Credentials of a node's runtime itself, which count where the kubelet gives it none.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { posix } from "node:path";
import { parseReference, referenceName } from "../../core/reference.ts";
import type { SignalOptions } from "../../core/signal.ts";
import { parseAuthFile } from "../../oci/credentials/auth-file.ts";
import { type AuthFilePath, authFilePaths } from "../../oci/credentials/auth-paths.ts";
import { containerdCredentials } from "../../oci/credentials/containerd-auth.ts";
import type { RunCredentialHelper } from "../../oci/credentials/helper-protocol.ts";
import { lookUpCredentials, type ReadAuthFile } from "../../oci/credentials/lookup.ts";
import { OciError } from "../../oci/errors.ts";
import { CRI_IMAGES } from "../containerd/keys.ts";
import { nodeAt } from "../containerd/tree.ts";
import { isConfigError } from "../errors.ts";
import type { ContainerdNodeRuntime, CrioRuntime } from "../node.ts";
import type { NodeFiles } from "../node-files.ts";
import { type CrioAuthOption, crioStep, hasUser } from "./credential-steps.ts";
import { crioUser } from "./crio-user.ts";
import { daemonPath } from "./file-access.ts";
import type { FoundCredentials, KubeletCredentials } from "./kubelet-credentials.ts";

/** What a runtime is asked for. */
export interface RuntimeCredentialsQuery extends SignalOptions {
  readonly files: NodeFiles;
  /** Full name of the repository at the place that is asked. */
  readonly repository: string;
  /** The image as the Pod has it; names the file of a namespace. */
  readonly image: string;
  /** Empty: no file of a namespace counts. */
  readonly namespace: string;
  /** Runs helpers; without it they are named and not run. */
  readonly run?: RunCredentialHelper | undefined;
}

/** What CRI-O has: of one file that its options name, or of root's files and helpers. */
export async function crioCredentials(
  runtime: CrioRuntime,
  { files, repository, image, namespace, run, signal }: RuntimeCredentialsQuery,
): Promise<KubeletCredentials> {
  const chosen = await crioAuthFile(runtime, { files, image, namespace, signal });
  const user = crioUser(runtime);
  const runtimeDir = user.env["XDG_RUNTIME_DIR"] ?? "";
  const paths = authFilePaths({
    ...user,
    os: "linux",
    authFile: chosen?.path,
    rules: "containers",
    runtimeDirMissing: runtimeDir !== "" && !(await files.list(daemonPath(runtimeDir), { signal })),
  });
  const { credentials, steps } = await lookUpCredentials(repository, {
    files: paths,
    readAuthFile: authFilesOf(files),
    credentialHelpers: runtime.registries.credentialHelpers.value,
    run: run ?? notRun,
    rules: "containers",
    signal,
  });
  const told = steps.map((step) => crioStep(chosen?.of ?? "search", step, run !== undefined));
  const last = told.at(-1);
  if (!credentials || !last || last.kind === "failure") return { steps: told, found: [] };
  const step = { ...last, user: hasUser(credentials) };
  return { steps: [...told.slice(0, -1), step], found: [{ credentials, step }] };
}

async function crioAuthFile(
  { config }: CrioRuntime,
  {
    files,
    image,
    namespace,
    signal,
  }: Pick<RuntimeCredentialsQuery, "files" | "image" | "namespace" | "signal">,
): Promise<{ path: string; of: CrioAuthOption } | undefined> {
  const { global_auth_file: global, namespaced_auth_dir: folder } = config.image;
  if (namespace !== "" && folder.value !== "") {
    const path = namespacedAuthPath(folder.value, namespace, image);
    if (await exists(files, path, { signal })) return { path, of: "namespaced_auth_dir" };
  }
  return global.value === "" ? undefined : { path: global.value, of: "global_auth_file" };
}

/**
 * The file of `namespaced_auth_dir` for an image of a namespace, as CRI-O's credential provider writes it for one pull.
 *
 * @param image As a Pod has it; a short name stands for that of Docker Hub, and tag and digest do not count.
 * @throws {CoreError} `ERR_REFERENCE_INVALID`.
 * @throws {TypeError} For a namespace that is no DNS label, since it becomes part of a path.
 */
export function namespacedAuthPath(folder: string, namespace: string, image: string): string {
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(namespace)) {
    throw new TypeError(`not a namespace: ${JSON.stringify(namespace)}`);
  }
  const hash = createHash("sha256")
    .update(referenceName(parseReference(image)))
    .digest("hex");
  return posix.join(daemonPath(folder), `${namespace}-${hash}.json`);
}

/** Whether a file is there, be it one that cannot be read. */
async function exists(files: NodeFiles, path: string, { signal }: SignalOptions): Promise<boolean> {
  try {
    return (await files.read(path, { signal })) !== undefined;
  } catch (error) {
    if (isConfigError(error)) return true;
    throw error;
  }
}

function authFilesOf(files: NodeFiles): ReadAuthFile {
  return async ({ path, legacy }: AuthFilePath, { signal }) => {
    let text: string | undefined;
    try {
      text = await files.read(daemonPath(path), { signal });
    } catch (cause) {
      if (!isConfigError(cause)) throw cause;
      throw new OciError("ERR_OCI_AUTH_FILE_INVALID", `cannot be read: ${cause.message}`, { cause });
    }
    return text === undefined ? undefined : parseAuthFile(text, { legacy });
  };
}

/** What a helper says that has nothing: so the search goes on, and tells every helper that would be asked. */
const notRun: RunCredentialHelper = async () => ({
  kind: "ended",
  exitCode: 1,
  stdout: Buffer.from("credentials not found in native keychain"),
});

/** What containerd has in `registry.configs`: for the host that is asked alone. */
export async function containerdOwnCredentials(
  { config }: ContainerdNodeRuntime,
  { repository, signal }: Pick<RuntimeCredentialsQuery, "repository" | "signal">,
): Promise<KubeletCredentials> {
  const slash = repository.indexOf("/");
  const host = slash < 0 ? repository : repository.slice(0, slash);
  const key = host === "docker.io" ? "registry-1.docker.io" : host;
  const configs = config.registry["configs"];
  const origin = nodeAt(config.tree, "plugins", CRI_IMAGES, "registry", "configs", key, "auth")?.origin;
  const place = { by: "containerd", key, ...(origin ? { origin } : {}) } as const;
  if (typeof configs !== "object" || configs === null)
    return { steps: [{ ...place, outcome: "none" }], found: [] };
  if (!readsAuth(config.release)) {
    return { steps: [{ ...place, outcome: origin ? "not-read" : "none" }], found: [] };
  }
  const credentials = await containerdCredentials({ ...configs })(host, {
    repository: slash < 0 ? "" : repository.slice(slash + 1),
    signal,
  });
  if (!credentials) return { steps: [{ ...place, outcome: "none" }], found: [] };
  const found: FoundCredentials = {
    credentials,
    step: { ...place, outcome: "found", user: hasUser(credentials) },
  };
  return { steps: [found.step], found: [found] };
}

/** Releases from 2.3 on have no credentials in their configuration. */
function readsAuth(release: string): boolean {
  const [major = 0, minor = 0] = release.split(".").map(Number);
  return major < 2 || (major === 2 && minor < 3);
}
