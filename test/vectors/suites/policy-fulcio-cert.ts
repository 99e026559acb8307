/** Whether a Fulcio certificate is accepted at a time, and the key it certifies. */
import { parseAnchors } from "../../../src/policy/anchors.ts";
import { PolicyError } from "../../../src/policy/errors.ts";
import { verifyFulcioCertificate } from "../../../src/policy/fulcio.ts";
import { formatPublicKeyPem } from "../../../src/policy/public-key.ts";
import type { VectorSuite } from "../suite.ts";

const suite: VectorSuite = {
  run({ input }) {
    try {
      const anchors = parseAnchors(
        Buffer.from(String(input["caPem"])),
        "error loading Fulcio CA certificates",
      );
      const key = verifyFulcioCertificate(
        { anchors, oidcIssuer: String(input["oidcIssuer"]), subjectEmail: String(input["subjectEmail"]) },
        { certificatePem: String(input["certificatePem"]), chainPem: String(input["chainPem"] ?? "") },
        Number(input["relevantTime"]),
      );
      return { ok: true, publicKey: formatPublicKeyPem(key) };
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      return { ok: false, errorKind: error.errorClass, message: error.message };
    }
  },
};

export default suite;
