/**
 * The programs that a kubelet asks for credentials, and for which images.
 *
 * @see {@link https://kubernetes.io/docs/reference/config-api/kubelet-credentialprovider.v1/}
 * @module
 */
import { posix } from "node:path";
import type { SignalOptions } from "../../core/signal.ts";
import { type DataNode, memberAt } from "../data/tree.ts";
import { parseYamlData } from "../data/yaml.ts";
import { isConfigError } from "../errors.ts";
import type { NodeFiles } from "../node-files.ts";
import type { Origin } from "../origin.ts";
import { daemonPath } from "./file-access.ts";

/** A program. */
export interface CredentialProvider {
  readonly name: string;
  /** Patterns of images, as keys of pull secrets are. */
  readonly matchImages: readonly string[];
  readonly origin: Origin;
}

/**
 * The programs of a configuration, which is a file, or a folder of them whose names end in `.json`, `.yaml` or `.yml`;
 * undefined where that cannot be told: it is missing, broken, or of another form. Their other settings are not read.
 */
export async function loadCredentialProviders(
  named: string,
  files: NodeFiles,
  { signal }: SignalOptions,
): Promise<CredentialProvider[] | undefined> {
  const path = daemonPath(named);
  const names = await files.list(path, { signal });
  const paths = names
    ? names.filter((name) => /\.(?:json|ya?ml)$/.test(name)).map((name) => posix.join(path, name))
    : [path];
  const providers: CredentialProvider[] = [];
  try {
    for (const each of paths.sort()) {
      const text = await files.read(each, { signal });
      const [document] = text === undefined ? [] : await parseYamlData(each, text);
      const list = memberAt(document?.root, "providers");
      if (list?.kind !== "list") return undefined;
      for (const item of list.items) {
        const provider = providerOf(item);
        if (!provider) return undefined;
        providers.push(provider);
      }
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (isConfigError(error)) return undefined;
    throw error;
  }
  return paths.length === 0 ? undefined : providers;
}

function providerOf(node: DataNode): CredentialProvider | undefined {
  if (node.kind !== "object") return undefined;
  const name = memberAt(node, "name");
  const images = memberAt(node, "matchImages");
  if (name?.kind !== "string" || images?.kind !== "list") return undefined;
  const matchImages = images.items.flatMap((each) => (each.kind === "string" ? [each.value] : []));
  if (matchImages.length !== images.items.length) return undefined;
  return { name: name.value, matchImages, origin: node.origin };
}
