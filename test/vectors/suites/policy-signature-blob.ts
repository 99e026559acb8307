/** Format and content of a stored signature. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CoreError } from "../../../src/core/errors.ts";
import { PolicyError } from "../../../src/policy/errors.ts";
import { parseSignatureBlob } from "../../../src/policy/signature-blob.ts";
import type { VectorSuite } from "../suite.ts";

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");

const suite: VectorSuite = {
  run({ input }, { base }) {
    const file = input["file"];
    const blob =
      typeof file === "string"
        ? readFileSync(join(base, file))
        : Buffer.from(String(input["blobBase64"]), "base64");
    try {
      const signature = parseSignatureBlob(blob);
      if (signature.format === "simple-signing") {
        return { format: signature.format, contentBase64: base64(signature.content) };
      }
      return {
        format: signature.format,
        mimeType: signature.mediaType,
        payloadBase64: base64(signature.payload),
        annotations: Object.fromEntries(signature.annotations),
      };
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      return { error: kindOf(error) };
    }
  },
};

/** The suite names broken JSON by what Go says first about it. */
function kindOf({ cause, message }: PolicyError): string {
  if (!(cause instanceof CoreError)) return message;
  if (cause.code === "ERR_JSON_SYNTAX") return "invalid character";
  return /got [0-9]/.test(cause.message) ? "cannot unmarshal number" : message;
}

export default suite;
