/**
 * Every image that a Pod names, in all four places: init containers, containers, ephemeral containers and volumes.
 *
 * @see {@link https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.34/#podspec-v1-core}
 * @module
 */
import { ExplainError } from "./errors.ts";
import { type Fields, fieldOf, join, listIn, objectIn, objectOf, textIn } from "./fields.ts";

/** When the kubelet pulls an image. */
export type PullPolicy = "Always" | "IfNotPresent" | "Never";

/** An image that a Pod names. */
export interface PodImage {
  readonly kind: "init-container" | "container" | "ephemeral-container" | "image-volume";
  /** Name of the container or volume. */
  readonly name: string;
  /** Where the reference stands, such as `spec.containers[0].image`. */
  readonly path: string;
  /** The reference as it is written; it is not checked here. */
  readonly image: string;
  /** As written; absent where the API server would fill it in, by the tag. */
  readonly pullPolicy?: PullPolicy;
}

/** Most containers, and most volumes, that are looked at. */
const MAX_ENTRIES = 100_000;

/** The lists of containers, in the order in which a kubelet starts them. */
export const CONTAINER_LISTS = [
  ["initContainers", "init-container"],
  ["containers", "container"],
  ["ephemeralContainers", "ephemeral-container"],
] as const;

/**
 * The images that a Pod names, in the order init containers, containers, ephemeral containers, image volumes.
 *
 * The Pod is JSON from anywhere: of it only what leads to images is looked at and checked. A container without an
 * image has none here. Anything with a `spec` like a Pod's will do, such as the template of a Deployment.
 *
 * @throws {ExplainError} `ERR_EXPLAIN_POD` for what no Pod can be, with the path; `ERR_EXPLAIN_TOO_LARGE` for more than
 * 100000 entries of a list.
 */
export function podImages(pod: unknown): PodImage[] {
  const spec = objectIn(objectOf(pod, ""), "spec", "");
  if (!spec) throw new ExplainError("ERR_EXPLAIN_POD", "spec must be an object", { path: "spec" });
  const images: PodImage[] = [];
  for (const [list, kind] of CONTAINER_LISTS) {
    for (const { fields, path } of entriesOf(spec, list)) {
      const image = textIn(fields, "image", path);
      if (image !== undefined && image !== "")
        images.push(imageAt(fields, fields, kind, path, image, "image"));
    }
  }
  for (const { fields, path } of entriesOf(spec, "volumes")) {
    const source = objectIn(fields, "image", path);
    const image = source && textIn(source, "reference", join(path, "image"));
    if (source && image !== undefined && image !== "") {
      images.push(imageAt(fields, source, "image-volume", join(path, "image"), image, "reference"));
    }
  }
  return images;
}

/** The objects of a list in a Pod's `spec`, each with its path. */
export function entriesOf(spec: Fields, name: string): { fields: Fields; path: string }[] {
  const list = listIn(spec, name, "spec");
  if (list.length > MAX_ENTRIES) {
    const message = `spec.${name} has ${list.length} entries, more than ${MAX_ENTRIES}`;
    throw new ExplainError("ERR_EXPLAIN_TOO_LARGE", message, { path: `spec.${name}` });
  }
  return list.map((entry, index) => {
    const path = `spec.${name}[${index}]`;
    return { fields: objectOf(entry, path), path };
  });
}

function imageAt(
  named: Fields,
  source: Fields,
  kind: PodImage["kind"],
  path: string,
  image: string,
  field: string,
): PodImage {
  const pullPolicy = pullPolicyIn(source, kind === "image-volume" ? "pullPolicy" : "imagePullPolicy", path);
  const name = textIn(named, "name", path) ?? "";
  return { kind, name, path: join(path, field), image, ...(pullPolicy === undefined ? {} : { pullPolicy }) };
}

function pullPolicyIn(fields: Fields, name: string, path: string): PullPolicy | undefined {
  const value = fieldOf(fields, name);
  if (value === undefined || value === "") return undefined;
  if (value === "Always" || value === "IfNotPresent" || value === "Never") return value;
  throw new ExplainError("ERR_EXPLAIN_POD", `${join(path, name)} must be Always, IfNotPresent or Never`, {
    path: join(path, name),
  });
}
