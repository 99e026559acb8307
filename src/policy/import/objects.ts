/**
 * Objects of Kubernetes in YAML or JSON, strictly: an unknown member is named, never passed over.
 *
 * @module
 */
import { type JsonNode, readObject, stringOf } from "../../core/strict-json.ts";
import { nearestWord } from "../hint.ts";
import { bytesOf, policyError, readStrict, withPolicyErrors } from "../members.ts";
import { quote } from "../quote.ts";
import { parseYamlTree } from "./yaml-tree.ts";

/** An object, its `spec` unread. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
  readonly spec: JsonNode;
  readonly node: JsonNode;
}

/** Which objects a reader takes. */
export interface ObjectKinds {
  /** Group and version, such as `config.openshift.io/v1`. */
  readonly apiVersions: readonly string[];
  readonly kinds: readonly string[];
}

/**
 * The objects of a text of YAML or JSON, those of lists included, in order.
 *
 * @throws {PolicyError} `ERR_POLICY_SYNTAX`, `ERR_POLICY_TOO_LARGE`; `ERR_POLICY_IMPORT` for an object of another kind;
 * the codes of reading a policy for members that are unknown, missing or of a wrong type.
 */
export async function readObjects(
  input: string | Uint8Array,
  wanted: ObjectKinds,
  maxBytes?: number,
): Promise<KubernetesObject[]> {
  const documents = await parseYamlTree(input, maxBytes);
  return withPolicyErrors(() => documents.flatMap((node) => objectsOf(node, wanted, true)));
}

function objectsOf(node: JsonNode, wanted: ObjectKinds, mayBeList: boolean): KubernetesObject[] {
  let apiVersion = "";
  let kind = "";
  readLoosely(node, {
    apiVersion: (value) => {
      apiVersion = stringOf(value);
    },
    kind: (value) => {
      kind = stringOf(value);
    },
  });
  const isList =
    (apiVersion === "v1" && kind === "List") ||
    (wanted.apiVersions.includes(apiVersion) && wanted.kinds.some((each) => kind === `${each}List`));
  if (mayBeList && isList) {
    const items: JsonNode[] = [];
    readStrict(
      node,
      {
        apiVersion: stringOf,
        kind: stringOf,
        metadata: () => {},
        items: (value) => {
          items.push(...itemsOf(value));
        },
      },
      { required: ["items"] },
    );
    return items.flatMap((item) => objectsOf(item, wanted, false));
  }
  if (!wanted.apiVersions.includes(apiVersion) || !wanted.kinds.includes(kind)) {
    const [first] = wanted.apiVersions;
    const near = nearestWord(kind, wanted.kinds);
    throw policyError(
      node,
      "ERR_POLICY_IMPORT",
      `${quote(kind)} of ${quote(apiVersion)} is none of ${wanted.kinds.join(", ")} of ${first}`,
      undefined,
      near === undefined || near === kind ? undefined : `did you mean ${quote(near)}?`,
    );
  }
  return [objectOf(node, apiVersion, kind)];
}

function objectOf(node: JsonNode, apiVersion: string, kind: string): KubernetesObject {
  let name = "";
  let namespace = "";
  let spec: JsonNode | undefined;
  readStrict(
    node,
    {
      apiVersion: stringOf,
      kind: stringOf,
      metadata: (value) => {
        readLoosely(value, {
          name: (text) => {
            name = stringOf(text);
          },
          namespace: (text) => {
            namespace = stringOf(text);
          },
        });
      },
      spec: (value) => {
        spec = value;
      },
      status: () => {},
    },
    { required: ["apiVersion", "kind", "metadata", "spec"] },
  );
  if (!spec || name === "") throw policyError(node, "ERR_POLICY_MISSING_KEY", `a ${kind} without a name`);
  return { apiVersion, kind, name, namespace, spec, node };
}

/** Reads members of an object of which others are of no interest. */
function readLoosely(node: JsonNode, readers: Readonly<Record<string, (value: JsonNode) => void>>): void {
  readObject(node, readers, { unknownKeys: "ignore" });
}

/** Reads members that are there; one that is null counts as absent, as the API server drops it. */
export function readMembers(
  node: JsonNode,
  readers: Readonly<Record<string, (value: JsonNode) => void>>,
  required: readonly string[] = [],
): void {
  const present = new Set<string>();
  const guarded: Record<string, (value: JsonNode) => void> = {};
  for (const [name, read] of Object.entries(readers)) {
    guarded[name] = (value) => {
      if (value.kind === "null") return;
      present.add(name);
      read(value);
    };
  }
  readStrict(node, guarded);
  for (const name of required) {
    if (present.has(name)) continue;
    throw policyError(node, "ERR_POLICY_MISSING_KEY", `Key ${quote(name)} missing in an object`);
  }
}

/** The items of a list. */
export function itemsOf(node: JsonNode): readonly JsonNode[] {
  if (node.kind === "array") return node.items;
  throw policyError(node, "ERR_POLICY_WRONG_TYPE", `list expected, got ${node.kind}`);
}

/** A text of at most so many characters. */
export function textUpTo(node: JsonNode, max: number): string {
  const text = stringOf(node);
  if (text.length <= max) return text;
  throw policyError(node, "ERR_POLICY_IMPORT", `a text of more than ${max} characters`);
}

/** Bytes written in base64 of at most so many characters. */
export function bytesUpTo(node: JsonNode, max: number): Uint8Array {
  textUpTo(node, max);
  return bytesOf(node) ?? new Uint8Array(0);
}
