/** Whether a log entry is accepted for a signature, and the time it gives. */
import { PolicyError } from "../../../src/policy/errors.ts";
import { parsePublicKeyPem } from "../../../src/policy/public-key.ts";
import { verifyRekorSet } from "../../../src/policy/rekor.ts";
import type { VectorSuite } from "../suite.ts";

const suite: VectorSuite = {
  run({ input }) {
    const logKeys = (input["rekorPublicKeysPem"] as string[]).map(parsePublicKeyPem);
    try {
      const integratedTime = verifyRekorSet(String(input["set"]), logKeys, {
        keyOrCertificatePem: String(input["keyOrCertificatePem"]),
        signatureBase64: String(input["signatureBase64"]),
        payload: Buffer.from(String(input["payloadBase64"]), "base64"),
      });
      return { ok: true, integratedTime };
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      return { ok: false, errorKind: error.errorClass, message: error.message };
    }
  },
};

export default suite;
