/** What a sigstore payload says, with or without a signature over it. */
import { PolicyError } from "../../../src/policy/errors.ts";
import { parsePayload } from "../../../src/policy/payload.ts";
import { parsePublicKeyPem } from "../../../src/policy/public-key.ts";
import { verifyPayloadSignature } from "../../../src/policy/sigstore.ts";
import type { VectorSuite } from "../suite.ts";

const suite: VectorSuite = {
  run({ input }) {
    const base64 = input["payloadBase64"];
    const payload =
      typeof base64 === "string" ? Buffer.from(base64, "base64") : Buffer.from(String(input["payload"]));
    try {
      const keys = input["publicKeysPem"] as string[] | undefined;
      if (keys) {
        verifyPayloadSignature(keys.map(parsePublicKeyPem), payload, String(input["signatureBase64"]));
      }
      return { ok: true, parsed: parsePayload(payload, "sigstore") };
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      return { ok: false, errorKind: error.errorClass, message: error.message };
    }
  },
};

export default suite;
