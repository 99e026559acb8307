/** One decision on one signed image, without a store. */
import { PolicyError } from "../../../src/policy/errors.ts";
import { dockerImage, evaluateRequirements } from "../../../src/policy/evaluate.ts";
import { parsePolicy } from "../../../src/policy/parse.ts";
import { parseImageReference } from "../../../src/policy/reference.ts";
import type { StoredSignature } from "../../../src/policy/signature-blob.ts";
import type { Evaluation } from "../../../src/policy/verdict.ts";
import type { SignatureLayer } from "../../../src/testing/signatures.ts";

/** What is decided on. */
export interface Decision {
  /** The requirement, as members of a policy. */
  requirement: Record<string, unknown>;
  /** Requirements that follow it. */
  others?: readonly Record<string, unknown>[];
  signature: SignatureLayer;
  manifest: Uint8Array;
  reference: string;
  /** Content of the files that the requirement names. */
  files?: Record<string, string | Uint8Array>;
  /** Milliseconds since 1970. */
  now?: number;
}

/** What comes out; errors of reading the policy are thrown. */
export async function decide({
  requirement,
  others = [],
  signature,
  manifest,
  reference,
  files = {},
  now,
}: Decision): Promise<Evaluation> {
  return evaluateRequirements(
    parsePolicy(JSON.stringify({ default: [requirement, ...others] })),
    dockerImage(parseImageReference(reference)),
    {
      manifest,
      signatures: [{ source: "test", signature: storedSignature(signature) }],
      completeFormats: ["simple-signing", "sigstore-json"],
      file(path) {
        const content = Object.hasOwn(files, path) ? files[path] : undefined;
        if (content === undefined) throw new PolicyError("ERR_POLICY_TRUST_ROOT", `no such file: ${path}`);
        return Buffer.from(content);
      },
      now: (now ?? Date.now()) / 1000,
    },
  );
}

/** A signature layer as a verifier gets to see it. */
export function storedSignature({ mediaType, payload, annotations }: SignatureLayer): StoredSignature {
  return { format: "sigstore-json", mediaType, payload, annotations: new Map(Object.entries(annotations)) };
}

/** Base64 of a text. */
export function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
