/** One decision by a `signedBy` requirement on an image with given signatures, without a store. */
import { digestOf } from "../../../src/core/digest.ts";
import { PolicyError } from "../../../src/policy/errors.ts";
import { dockerImage, evaluateRequirements } from "../../../src/policy/evaluate.ts";
import { formatSimplePayload } from "../../../src/policy/openpgp/sign.ts";
import { parsePolicy } from "../../../src/policy/parse.ts";
import { parseImageReference } from "../../../src/policy/reference.ts";
import type { Evaluation } from "../../../src/policy/verdict.ts";
import { imageManifest } from "./images.ts";

export const NAME = "quay.example/team/app:1";
export const manifest: Uint8Array = imageManifest();
export const digest: string = digestOf(manifest);
/** What a good signature of the image says. */
export const payload: Uint8Array = formatSimplePayload({ digest, dockerReference: NAME, timestamp: 1 });

/** What is decided on; the rest is that of a good case. */
export interface SimpleDecision {
  /** Keyring files. */
  keys: readonly (Uint8Array | string)[];
  signatures: readonly Uint8Array[];
  reference?: string;
  manifest?: Uint8Array;
  signedIdentity?: unknown;
  /** Milliseconds since 1970. */
  now?: number;
}

/** The evaluation of one requirement that names every keyring file. */
export function decideSimple(decision: SimpleDecision): Promise<Evaluation> {
  const { keys, signatures, reference = NAME, signedIdentity, now = Date.now() } = decision;
  const requirement = {
    type: "signedBy",
    keyType: "GPGKeys",
    keyPaths: keys.map((_, index) => `/${index}.gpg`),
    ...(signedIdentity === undefined ? {} : { signedIdentity }),
  };
  return evaluateRequirements(
    parsePolicy(JSON.stringify({ default: [requirement] })),
    dockerImage(parseImageReference(reference)),
    {
      manifest: decision.manifest ?? manifest,
      signatures: signatures.map((content) => ({
        source: "test",
        signature: { format: "simple-signing", content },
      })),
      completeFormats: ["simple-signing", "sigstore-json"],
      file(path) {
        const content = keys[Number.parseInt(path.slice(1), 10)];
        if (content === undefined) throw new PolicyError("ERR_POLICY_TRUST_ROOT", `no such file: ${path}`);
        return Buffer.from(content);
      },
      now: now / 1000,
    },
  );
}

/** `allowed`, or the class and the reason. */
export async function outcomeOf(decision: SimpleDecision): Promise<string> {
  const evaluation = await decideSimple(decision);
  return evaluation.kind === "allowed" ? "allowed" : `${evaluation.errorClass}: ${evaluation.reason}`;
}
