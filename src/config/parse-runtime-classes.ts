/**
 * RuntimeClass objects, as an API server takes them.
 *
 * @module
 */
import { parseJsonData } from "./data/json.ts";
import { type DataDocument, type DataNode, dataTypeError, memberAt } from "./data/tree.ts";
import { parseYamlData } from "./data/yaml.ts";
import { ConfigError } from "./errors.ts";
import type { RuntimeClass, RuntimeClasses } from "./runtime-class.ts";

const GROUP = "node.k8s.io";
/** Of an old form, with the handler below `spec`. */
const OLD_VERSION = "node.k8s.io/v1alpha1";
const VERSIONS: readonly string[] = ["node.k8s.io/v1", "node.k8s.io/v1beta1", OLD_VERSION];
const LISTS: readonly string[] = ["List", "RuntimeClassList"];
/** Names of objects: labels with dots between. */
const MAX_NAME_LENGTH = 253;
const MAX_LABEL_LENGTH = 63;
const LABEL = "[a-z0-9](?:[-a-z0-9]*[a-z0-9])?";
const DNS_LABEL = new RegExp(`^${LABEL}$`);
const DNS_SUBDOMAIN = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);
/** Most objects of a text, also those of other kinds. */
const MAX_OBJECTS = 10_000;

/**
 * The runtime classes of a text in YAML or JSON: objects, documents of objects, or lists, as of
 * `kubectl get runtimeclasses -o yaml`. Objects of other kinds are passed over.
 *
 * Overhead and scheduling are not read.
 *
 * @param file What the origins name as the file; it is not read.
 * @throws {ConfigError} `ERR_CONFIG_SYNTAX`, also for a key that stands twice; `ERR_CONFIG_TYPE`;
 * `ERR_CONFIG_VERSION` for a RuntimeClass of an unknown version; `ERR_CONFIG_INVALID` for a name or handler that an API
 * server refuses, and for two classes with one name; `ERR_CONFIG_TOO_LARGE` for more than 1048576 UTF-16 code units or
 * 10000 objects.
 */
export async function parseRuntimeClasses(file: string, text: string): Promise<RuntimeClasses> {
  const documents: DataDocument[] = /^\s*[{[]/.test(text)
    ? [parseJsonData(file, text)]
    : await parseYamlData(file, text);
  const classes = new Map<string, RuntimeClass>();
  let count = 0;
  for (const { root, duplicates } of documents) {
    const [twice] = duplicates;
    if (twice) {
      const message = `${file}: the key ${twice.key} stands twice`;
      throw new ConfigError("ERR_CONFIG_SYNTAX", message, twice);
    }
    for (const object of objectsOf(root)) {
      count++;
      if (count > MAX_OBJECTS) {
        throw new ConfigError("ERR_CONFIG_TOO_LARGE", `${file}: more than ${MAX_OBJECTS} objects`, {
          origin: object.origin,
        });
      }
      const read = classOf(object);
      if (!read) continue;
      if (classes.has(read.name)) {
        throw invalid("metadata.name", `there are two runtime classes ${JSON.stringify(read.name)}`, object);
      }
      classes.set(read.name, read);
    }
  }
  return classes;
}

function objectsOf(root: DataNode): readonly DataNode[] {
  if (root.kind === "null") return [];
  if (root.kind === "list") return root.items;
  if (root.kind !== "object") throw dataTypeError([], "must be an object or a list of objects", root.origin);
  const kind = memberAt(root, "kind");
  if (kind?.kind !== "string" || !LISTS.includes(kind.value)) return [root];
  const items = memberAt(root, "items");
  if (items && items.kind !== "list") throw dataTypeError(["items"], "must be a list", items.origin);
  const version = memberAt(root, "apiVersion");
  if (kind.value === "List" || !items || version?.kind !== "string") return items?.items ?? [];
  // Items of a typed list may leave out what they are.
  return items.items.map((item) => {
    if (item.kind !== "object" || item.members.has("kind")) return item;
    const { origin } = item;
    const members = new Map([
      ...item.members,
      ["apiVersion", version],
      ["kind", { kind: "string", value: "RuntimeClass", origin }],
    ] as [string, DataNode][]);
    return { ...item, members };
  });
}

function classOf(object: DataNode): RuntimeClass | undefined {
  if (object.kind !== "object") throw dataTypeError([], "must be an object", object.origin);
  const kind = textAt(object, "kind");
  const version = textAt(object, "apiVersion");
  if (kind?.value !== "RuntimeClass" || !(version?.value ?? "").startsWith(`${GROUP}/`)) return undefined;
  if (!version || !VERSIONS.includes(version.value)) {
    const message = `${object.origin.file}: no version of RuntimeClass: ${JSON.stringify(version?.value)}`;
    throw new ConfigError("ERR_CONFIG_VERSION", message, { key: "apiVersion", origin: version?.origin });
  }
  const name = textAt(object, "metadata", "name");
  if (!name || name.value.length > MAX_NAME_LENGTH || !DNS_SUBDOMAIN.test(name.value)) {
    throw invalid("metadata.name", `not a DNS subdomain: ${shown(name?.value)}`, name ?? object);
  }
  const path = version.value === OLD_VERSION ? ["spec", "runtimeHandler"] : ["handler"];
  const handler = textAt(object, ...path);
  if (!handler || handler.value.length > MAX_LABEL_LENGTH || !DNS_LABEL.test(handler.value)) {
    throw invalid(path.join("."), `not a DNS label: ${shown(handler?.value)}`, handler ?? object);
  }
  return { name: name.value, handler: handler.value, origin: handler.origin };
}

function textAt(object: DataNode, ...path: string[]): (DataNode & { kind: "string" }) | undefined {
  const node = memberAt(object, ...path);
  if (node === undefined || node.kind === "string") return node;
  throw dataTypeError(path, "must be a text", node.origin);
}

function shown(text: string | undefined): string {
  return text === undefined ? "nothing" : JSON.stringify(text.slice(0, 300));
}

function invalid(key: string, why: string, { origin }: DataNode): ConfigError {
  return new ConfigError("ERR_CONFIG_INVALID", `${origin.file}: ${key}: ${why}`, { key, origin });
}
