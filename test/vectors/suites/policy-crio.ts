/** Which policy and reference CRI-O uses, and how it marks errors. */
import { formatReference } from "../../../src/core/reference.ts";
import { createReference, policyPathFor } from "../../../src/policy/crio.ts";
import { PolicyError, type PolicyErrorClass } from "../../../src/policy/errors.ts";
import { criErrorMessage } from "../../../src/policy/messages.ts";
import type { VectorSuite } from "../suite.ts";

const suite: VectorSuite = {
  run({ input }) {
    switch (input["unit"]) {
      case "policyPath": {
        const files = input["existingFiles"] as string[];
        const options = {
          signaturePolicy: String(input["signature_policy"] ?? ""),
          signaturePolicyDir: String(input["signature_policy_dir"]),
        };
        const { path, checkedAtCreate } = policyPathFor(String(input["namespace"]), options, (file) =>
          files.includes(file),
        );
        return { policyPath: path ?? null, checkedAtCreate };
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
