/** Which policy file is used. */
import { readExisting } from "../../../src/config/node/file-access.ts";
import { nodePolicy } from "../../../src/config/node/policy.ts";
import { PolicyError } from "../../../src/policy/errors.ts";
import { loadPolicy } from "../../../src/policy/load.ts";
import { crioNodeOf, memoryFiles } from "../memory-node.ts";
import type { VectorSuite } from "../suite.ts";

const suite: VectorSuite = {
  async run({ input }) {
    const files = input["files"] as Record<string, string>;
    const env = input["env"] as Record<string, string>;
    const path = optional(input["explicitPath"]);
    const root = optional(input["rootForImplicitPaths"]);
    try {
      if (root === undefined) return { file: await fileOfNode(files, env, path) };
      // A root in front of some paths only is no node's.
      const found = await loadPolicy({ path, root, env, readFile: readExisting(memoryFiles(files)) });
      return { file: found.path };
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      const kind = error.code === "ERR_POLICY_FILE" ? "not-found" : "invalid-policy";
      return { error: kind, message: error.message };
    }
  },
};

/** The policy that CRI-O uses on a node with these files, where the explicit path is its `signature_policy`. */
async function fileOfNode(
  files: Record<string, string>,
  env: Record<string, string>,
  path: string | undefined,
): Promise<string> {
  const main = path === undefined ? "" : `[crio.image]\nsignature_policy = ${JSON.stringify(path)}\n`;
  const node = await crioNodeOf({ ...files, "/etc/crio/crio.conf": main }, { env });
  const found = await nodePolicy(node, "");
  if (found.kind !== "policy") throw new TypeError("no policy on a node with CRI-O");
  return found.path;
}

function optional(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

export default suite;
