/** Whether one sigstore signature meets one requirement. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { withDefaultTag } from "../../../src/core/reference.ts";
import { PolicyError } from "../../../src/policy/errors.ts";
import { dockerImage, evaluateRequirements } from "../../../src/policy/evaluate.ts";
import { parsePolicy } from "../../../src/policy/parse.ts";
import { parseImageReference } from "../../../src/policy/reference.ts";
import type { VectorSuite } from "../suite.ts";

interface GivenSignature {
  mimeType: string;
  payloadBase64: string;
  annotations: Record<string, string>;
}

const suite: VectorSuite = {
  async run({ input }, { base }) {
    const policy = parsePolicy(JSON.stringify({ default: [input["requirement"]] }));
    const { mimeType, payloadBase64, annotations } = input["signature"] as unknown as GivenSignature;
    const name = input["imageReference"];
    const named = dockerImage(
      withDefaultTag(parseImageReference(typeof name === "string" ? name : "without.example/reference")),
    );
    const evaluation = await evaluateRequirements(
      policy,
      typeof name === "string" ? named : { ...named, reference: undefined },
      {
        manifest: readFileSync(join(base, String(input["imageDir"]), "manifest.json")),
        signatures: [
          {
            source: "vector",
            signature: {
              format: "sigstore-json",
              mediaType: mimeType,
              payload: Buffer.from(payloadBase64, "base64"),
              annotations: new Map(Object.entries(annotations)),
            },
          },
        ],
        completeFormats: ["sigstore-json"],
        file: (path) => fileOf(join(base, path)),
        now: Number(input["now"]),
      },
    );
    if (evaluation.kind === "allowed") return { accept: true };
    return { accept: false, errorKind: evaluation.errorClass, message: evaluation.reason };
  },
};

function fileOf(path: string): Uint8Array {
  if (!existsSync(path)) throw new PolicyError("ERR_POLICY_TRUST_ROOT", `no such file: ${path}`);
  return readFileSync(path);
}

export default suite;
