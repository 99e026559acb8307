/** Which scope of a policy applies to an image. */

import { parseImageReference } from "../../../src/policy/reference.ts";
import {
  dockerDaemonLookup,
  dockerLookup,
  pathLookup,
  type ScopeLookup,
  selectRequirements,
  storageLookup,
  unknownDigestLookup,
} from "../../../src/policy/scope.ts";
import type { VectorSuite } from "../suite.ts";

const UNKNOWN_DIGEST = "@@unknown-digest@@";

const suite: VectorSuite = {
  run({ input }) {
    const policyScopes = input["policyScopes"] as Record<string, string[]>;
    const transports = new Map(
      Object.entries(policyScopes).map(([transport, scopes]) => [
        transport,
        new Map(scopes.map((scope) => [scope, [{ type: "reject" as const }]])),
      ]),
    );
    const lookup = lookupOf(String(input["transport"]), String(input["reference"]));
    const { scope } = selectRequirements({ default: [{ type: "reject" }], transports }, lookup);
    const { identity, namespaces } = lookup;
    const chosen = scope.kind === "default" ? "default" : { transport: scope.transport, scope: scope.scope };
    return { chosen, identity, namespaces };
  },
};

function lookupOf(transport: string, reference: string): ScopeLookup {
  switch (transport) {
    case "docker":
      return reference.endsWith(UNKNOWN_DIGEST)
        ? unknownDigestLookup(parseImageReference(reference.slice(0, -UNKNOWN_DIGEST.length)))
        : dockerLookup(parseImageReference(reference));
    case "atomic":
      return dockerLookup(parseImageReference(reference), "atomic");
    case "docker-daemon":
      return dockerDaemonLookup(reference, parseImageReference);
    case "dir":
    case "sif":
    case "oci":
    case "oci-archive":
      return pathLookup(transport, reference);
    case "containers-storage":
      return storageLookupOf(reference);
    default:
      return { transport, identity: "", namespaces: [] };
  }
}

function storageLookupOf(text: string): ScopeLookup {
  const [, driver = "", root = "", name = "", imageId] =
    /^\[([^@]+)@([^\]]+)\](.*?)(?:@([0-9a-f]{64}))?$/.exec(text) ?? [];
  return storageLookup({
    driver,
    root,
    reference: name === "" ? undefined : parseImageReference(name),
    imageId,
  });
}

export default suite;
