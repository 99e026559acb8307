/** Whether a policy allows an image of which manifest and signatures are files in a directory. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { withDefaultTag } from "../../../src/core/reference.ts";
import type { JsonValue } from "../../../src/core/strict-json.ts";
import { PolicyError } from "../../../src/policy/errors.ts";
import {
  type CollectedSignature,
  dockerImage,
  type Evidence,
  evaluateRequirements,
} from "../../../src/policy/evaluate.ts";
import { parsePolicy } from "../../../src/policy/parse.ts";
import { parseImageReference } from "../../../src/policy/reference.ts";
import { parseSignatureBlob } from "../../../src/policy/signature-blob.ts";
import type { VectorSuite } from "../suite.ts";

const NOW = Date.UTC(2026, 5, 1) / 1000;

const suite: VectorSuite = {
  async run({ input }, { base }) {
    const given = input["requirement"];
    const policy = parsePolicy(
      JSON.stringify(
        (given === undefined ? input["policy"] : { default: [given] }) satisfies JsonValue | undefined,
      ),
    );
    try {
      const evaluation = await evaluateRequirements(
        policy,
        dockerImage(withDefaultTag(parseImageReference(String(input["imageReference"])))),
        readImageEvidence(base, String(input["imageDir"])),
        { requireSignatureVerification: input["requireSignatureVerification"] === true },
      );
      if (evaluation.kind === "allowed") return { allowed: true };
      return { allowed: false, errorKind: evaluation.errorClass, message: evaluation.reason };
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      return { allowed: false, errorKind: error.errorClass, message: error.message };
    }
  },
};

/** What a directory with an image knows about it; paths of policies are relative to `base`. */
export function readImageEvidence(base: string, imageDirectory: string): Evidence {
  const directory = join(base, imageDirectory);
  return {
    manifest: manifestOf(directory),
    signatures: signaturesOf(directory),
    completeFormats: ["simple-signing", "sigstore-json"],
    file: (path) => fileOf(join(base, path)),
    now: NOW,
  };
}

function manifestOf(directory: string): Uint8Array {
  const path = join(directory, "manifest.json");
  if (!existsSync(path)) throw new PolicyError("ERR_POLICY_MANIFEST", `no such file: ${path}`);
  return readFileSync(path);
}

function signaturesOf(directory: string): CollectedSignature[] {
  const signatures: CollectedSignature[] = [];
  for (let n = 1; ; n++) {
    const path = join(directory, `signature-${n}`);
    if (!existsSync(path)) return signatures;
    signatures.push({ source: "dir", signature: parseSignatureBlob(readFileSync(path)) });
  }
}

function fileOf(path: string): Uint8Array {
  if (!existsSync(path)) throw new PolicyError("ERR_POLICY_TRUST_ROOT", `no such file: ${path}`);
  return readFileSync(path);
}

export default suite;
