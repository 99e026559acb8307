/**
 * What a runtime and its handlers can do, as they say it themselves.
 *
 * @module
 */
import type { StatusResponse } from "../gen/runtime/v1/api_pb.ts";

/** What {@link readRuntimeFeatures} finds. An absent feature is one that the runtime does not speak of. */
export interface RuntimeFeatureSet {
  /** Handlers by the name that a Pod's RuntimeClass uses. Empty from runtimes before CRI 0.30. */
  handlers: ReadonlyMap<string, RuntimeHandlerFeatureSet>;
  /** The handler of pods that name none. */
  defaultHandler?: RuntimeHandlerFeatureSet;
  /** `supplementalGroupsPolicy: Strict` is kept to. Since CRI 0.31. */
  supplementalGroupsPolicy?: boolean;
  /** User namespaces go with the network of the host. Since CRI 0.36. */
  userNamespacesHostNetwork?: boolean;
  /** `Mount.mountOptions` is kept to. Since CRI 0.37. */
  mountOptions?: boolean;
  /** Numbers of fields that a newer runtime has set and lading does not know. */
  unknown: readonly number[];
}

/** What one runtime handler can do. */
export interface RuntimeHandlerFeatureSet {
  name: string;
  /** Mounts can be made read-only with all that is mounted below them. */
  recursiveReadOnlyMounts?: boolean;
  userNamespaces?: boolean;
  /** Numbers of fields that a newer runtime has set and lading does not know. */
  unknown: readonly number[];
}

/**
 * The features in the answer to `status({})`.
 *
 * Within a message that a runtime sends, a feature that it is too old to know reads as false. A default handler is
 * listed under its own name and, as its second entry, under the empty one.
 */
export function readRuntimeFeatures(
  response: Pick<StatusResponse, "runtimeHandlers" | "features">,
): RuntimeFeatureSet {
  const { features } = response;
  const all = response.runtimeHandlers.map(({ name, features: own }): RuntimeHandlerFeatureSet => {
    const unknown = (own?.$unknown ?? []).map(({ no }) => no);
    if (!own) return { name, unknown };
    const { recursiveReadOnlyMounts, userNamespaces } = own;
    return { name, recursiveReadOnlyMounts, userNamespaces, unknown };
  });
  const defaultHandler = all.find(({ name }) => name === "");
  return {
    handlers: new Map(all.filter(({ name }) => name !== "").map((handler) => [handler.name, handler])),
    ...(defaultHandler ? { defaultHandler } : {}),
    ...(features
      ? {
          supplementalGroupsPolicy: features.supplementalGroupsPolicy,
          userNamespacesHostNetwork: features.userNamespacesHostNetwork,
          mountOptions: features.mountOptions,
        }
      : {}),
    unknown: (features?.$unknown ?? []).map(({ no }) => no),
  };
}
