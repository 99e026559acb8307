/**
 * A Pod, checked, with only what a node's decisions about images and confinement depend on.
 *
 * Environment variables, commands and whatever else may hold secrets are not among it.
 *
 * @module
 */
import type { PodSeccompProfile } from "../seccomp/pod.ts";
import { ExplainError } from "./errors.ts";
import {
  type Fields,
  fieldOf,
  flagIn,
  join,
  listIn,
  objectIn,
  objectOf,
  textIn,
  textMapIn,
  textsIn,
} from "./fields.ts";
import { CONTAINER_LISTS, entriesOf, type PodImage, podImages } from "./pod-images.ts";

/** A container of a Pod, of any kind. */
export interface SubjectContainer {
  readonly kind: Exclude<PodImage["kind"], "image-volume">;
  readonly name: string;
  /** Such as `spec.containers[0]`. */
  readonly path: string;
  /** Empty where there is none. */
  readonly image: string;
  readonly privileged: boolean;
  readonly seccompProfile?: PodSeccompProfile;
  /** As written: `NET_ADMIN`, `CAP_NET_ADMIN` or `ALL`. */
  readonly capabilities: { readonly add: readonly string[]; readonly drop: readonly string[] };
  /** Paths of what the container asks of its handler, by feature. */
  readonly asks: readonly FeatureRequest[];
}

/** Something that not every handler has. */
export interface FeatureRequest {
  readonly feature: "user-namespaces" | "recursive-read-only-mounts" | "image-volumes";
  /** The field that asks for it. */
  readonly path: string;
  /** The volume that it is asked for, for mounts. */
  readonly volume?: string;
}

/** What is decided on. */
export interface PodSubject {
  readonly namespace: string;
  readonly name: string;
  readonly annotations: ReadonlyMap<string, string>;
  /** Absent for none. */
  readonly runtimeClassName?: string;
  readonly seccompProfile?: PodSeccompProfile;
  readonly imagePullSecrets: readonly string[];
  /** Whether it shares the machine's network, processes or System V IPC. */
  readonly hostNetwork: boolean;
  readonly hostPID: boolean;
  readonly hostIPC: boolean;
  readonly images: readonly PodImage[];
  readonly containers: readonly SubjectContainer[];
  /** Of the Pod as a whole. */
  readonly asks: readonly FeatureRequest[];
}

/** Namespaces are DNS labels; one becomes part of a path. */
const NAMESPACE = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/**
 * What of a Pod decides.
 *
 * A Pod without a namespace is one of `default`, as `kubectl` takes it.
 *
 * @throws {ExplainError} `ERR_EXPLAIN_POD` and `ERR_EXPLAIN_TOO_LARGE`, as `podImages`.
 */
export function readPod(pod: unknown): PodSubject {
  const top = objectOf(pod, "");
  const kind = textIn(top, "kind", "");
  if (kind !== undefined && kind !== "Pod") {
    throw new ExplainError("ERR_EXPLAIN_POD", `kind must be Pod, got ${JSON.stringify(kind.slice(0, 64))}`, {
      path: "kind",
    });
  }
  const metadata = objectIn(top, "metadata", "") ?? {};
  const images = podImages(pod);
  const spec = objectIn(top, "spec", "") ?? {};
  const securityContext = objectIn(spec, "securityContext", "spec") ?? {};
  const runtimeClassName = textIn(spec, "runtimeClassName", "spec") ?? "";
  const profile = profileIn(securityContext, "spec.securityContext");
  return {
    namespace: namespaceIn(metadata),
    name: textIn(metadata, "name", "metadata") ?? textIn(metadata, "generateName", "metadata") ?? "",
    annotations: textMapIn(metadata, "annotations", "metadata"),
    ...(runtimeClassName === "" ? {} : { runtimeClassName }),
    ...(profile ? { seccompProfile: profile } : {}),
    imagePullSecrets: entriesOf(spec, "imagePullSecrets").map(
      ({ fields, path }) => textIn(fields, "name", path) ?? "",
    ),
    hostNetwork: flagIn(spec, "hostNetwork", "spec") ?? false,
    hostPID: flagIn(spec, "hostPID", "spec") ?? false,
    hostIPC: flagIn(spec, "hostIPC", "spec") ?? false,
    images,
    containers: containersIn(spec),
    asks: podAsks(spec, images),
  };
}

function namespaceIn(metadata: Fields): string {
  const written = textIn(metadata, "namespace", "metadata") ?? "";
  if (written === "") return "default";
  if (NAMESPACE.test(written)) return written;
  throw new ExplainError("ERR_EXPLAIN_POD", "metadata.namespace is no DNS label", {
    path: "metadata.namespace",
  });
}

function containersIn(spec: Fields): SubjectContainer[] {
  const names = new Set<string>();
  return CONTAINER_LISTS.flatMap(([list, kind]) =>
    entriesOf(spec, list).map(({ fields, path }) => {
      const container = containerAt(fields, kind, path);
      if (container.name === "" || names.has(container.name)) {
        const message = `${path}.name must be a name that no other container has`;
        throw new ExplainError("ERR_EXPLAIN_POD", message, { path: `${path}.name` });
      }
      names.add(container.name);
      return container;
    }),
  );
}

function containerAt(fields: Fields, kind: SubjectContainer["kind"], path: string): SubjectContainer {
  const context = join(path, "securityContext");
  const securityContext = objectIn(fields, "securityContext", path) ?? {};
  const capabilities = objectIn(securityContext, "capabilities", context) ?? {};
  const profile = profileIn(securityContext, context);
  return {
    kind,
    name: textIn(fields, "name", path) ?? "",
    path,
    image: textIn(fields, "image", path) ?? "",
    privileged: flagIn(securityContext, "privileged", context) ?? false,
    ...(profile ? { seccompProfile: profile } : {}),
    capabilities: {
      add: textsIn(capabilities, "add", join(context, "capabilities")),
      drop: textsIn(capabilities, "drop", join(context, "capabilities")),
    },
    asks: mountAsks(fields, path),
  };
}

/** The type is not checked here: what a kubelet does with an unknown one is part of the explanation. */
function profileIn(securityContext: Fields, path: string): PodSeccompProfile | undefined {
  const fields = objectIn(securityContext, "seccompProfile", path);
  if (!fields) return undefined;
  const at = join(path, "seccompProfile");
  const localhostProfile = textIn(fields, "localhostProfile", at);
  return {
    type: textIn(fields, "type", at) ?? "",
    ...(localhostProfile === undefined ? {} : { localhostProfile }),
  };
}

function podAsks(spec: Fields, images: readonly PodImage[]): FeatureRequest[] {
  const asks: FeatureRequest[] = [];
  if (flagIn(spec, "hostUsers", "spec") === false)
    asks.push({ feature: "user-namespaces", path: "spec.hostUsers" });
  const volume = images.find(({ kind }) => kind === "image-volume");
  if (volume) asks.push({ feature: "image-volumes", path: volume.path });
  return asks;
}

/** `IfPossible` does without; only `Enabled` fails where the handler cannot. */
function mountAsks(fields: Fields, path: string): FeatureRequest[] {
  const asks: FeatureRequest[] = [];
  for (const [index, entry] of listIn(fields, "volumeMounts", path).entries()) {
    const at = `${path}.volumeMounts[${index}]`;
    const mount = objectOf(entry, at);
    if (fieldOf(mount, "recursiveReadOnly") !== "Enabled") continue;
    const volume = textIn(mount, "name", at) ?? "";
    asks.push({ feature: "recursive-read-only-mounts", path: join(at, "recursiveReadOnly"), volume });
  }
  return asks;
}
