/** Which policy and reference CRI-O uses, and how it marks errors. */
import { nodePolicy } from "../../../src/config/node/policy.ts";
import { formatReference } from "../../../src/core/reference.ts";
import { createReference } from "../../../src/policy/crio.ts";
import { PolicyError, type PolicyErrorClass } from "../../../src/policy/errors.ts";
import { criErrorMessage } from "../../../src/policy/messages.ts";
import { crioNodeOf } from "../memory-node.ts";
import type { VectorSuite } from "../suite.ts";

const POLICY = '{"default":[{"type":"reject"}]}';

const suite: VectorSuite = {
  async run({ input }) {
    switch (input["unit"]) {
      case "policyPath": {
        const existing = input["existingFiles"] as string[];
        const global = String(input["signature_policy"] ?? "");
        const folder = String(input["signature_policy_dir"]);
        const paths = [...existing, ...(global === "" ? [] : [global]), "/etc/containers/policy.json"];
        const options = { signature_policy: global, signature_policy_dir: folder };
        const lines = Object.entries(options).map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`);
        const node = await crioNodeOf({
          ...Object.fromEntries(paths.map((path) => [path, POLICY])),
          "/etc/crio/crio.conf": `[crio.image]\n${lines.join("")}`,
        });
        const found = await nodePolicy(node, String(input["namespace"]));
        if (found.kind !== "policy") throw new TypeError("no policy on a node with CRI-O");
        const isSystems = found.candidates.find(({ outcome }) => outcome === "chosen")?.by === "system";
        return { policyPath: isSystems ? null : found.path, checkedAtCreate: found.checkedAtCreate };
      }
      case "createReference":
        try {
          return { reference: formatReference(createReference(String(input["userSpecifiedImage"]))) };
        } catch (error) {
          if (!(error instanceof PolicyError)) throw error;
          return { error: error.message };
        }
      case "errorWrap": {
        const given = String(input["message"]);
        const message = criErrorMessage(given, input["errorKind"] as PolicyErrorClass);
        return { message, signatureValidationFailed: message !== given };
      }
      default:
        throw new TypeError(`unknown unit ${String(input["unit"])}`);
    }
  },
};

export default suite;
