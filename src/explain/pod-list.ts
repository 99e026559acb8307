/**
 * The images of many Pods, each with who names it.
 *
 * @module
 */
import { isLadingError } from "../core/errors.ts";
import { ExplainError } from "./errors.ts";
import { fieldOf, listIn, objectIn, objectOf, textIn } from "./fields.ts";
import { podImages } from "./pod-images.ts";

/** An image in Pods of one namespace. */
export interface NamedImage {
  /** As it is written. */
  readonly image: string;
  readonly namespace: string;
  /** Names of the Pods, each once, in the order of the list. */
  readonly pods: readonly string[];
}

/** An entry of a list that is no Pod. */
export interface UnreadPod {
  /** Such as `items[3].spec.containers[0].image`. */
  readonly path: string;
  readonly message: string;
}

/** What a list of Pods names. */
export interface ListedImages {
  /** How many Pods there are, those that could not be read included. */
  readonly pods: number;
  readonly images: readonly NamedImage[];
  readonly unread: readonly UnreadPod[];
}

/**
 * The images of the Pods of a list, as `kubectl get pods -o json` gives it, or of an array of Pods.
 *
 * A Pod that cannot be read is told as such, and does not keep the others from being looked at.
 *
 * @throws {ExplainError} `ERR_EXPLAIN_POD` for what is no list.
 */
export function listedImages(list: unknown): ListedImages {
  const items = itemsOf(list);
  const images = new Map<string, { image: string; namespace: string; pods: Set<string> }>();
  const unread: UnreadPod[] = [];
  for (const [index, item] of items.entries()) {
    try {
      const metadata = objectIn(objectOf(item, ""), "metadata", "") ?? {};
      const namespace = textIn(metadata, "namespace", "metadata") || "default";
      const name = textIn(metadata, "name", "metadata") ?? "";
      for (const { image } of podImages(item)) {
        const key = JSON.stringify([namespace, image]);
        const known = images.get(key) ?? { image, namespace, pods: new Set<string>() };
        known.pods.add(name);
        images.set(key, known);
      }
    } catch (error) {
      if (!isLadingError(error)) throw error;
      const path = error instanceof ExplainError ? (error.path ?? "") : "";
      unread.push({ path: `items[${index}]${path === "" ? "" : `.${path}`}`, message: error.message });
    }
  }
  const found = [...images.values()].map((each) => ({ ...each, pods: [...each.pods] }));
  return { pods: items.length, images: found, unread };
}

function itemsOf(list: unknown): readonly unknown[] {
  if (Array.isArray(list)) return list;
  const top = objectOf(list, "");
  if (fieldOf(top, "items") === undefined) {
    throw new ExplainError("ERR_EXPLAIN_POD", "items must be a list of Pods", { path: "items" });
  }
  return listIn(top, "items", "");
}
