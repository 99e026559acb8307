/** Whether a certificate of a private PKI is accepted, and the key it certifies. */
import { parseAnchors } from "../../../src/policy/anchors.ts";
import { PolicyError } from "../../../src/policy/errors.ts";
import { parseCertificateList } from "../../../src/policy/leaf.ts";
import { verifyPkiCertificate } from "../../../src/policy/pki.ts";
import { formatPublicKeyPem } from "../../../src/policy/public-key.ts";
import type { VectorSuite } from "../suite.ts";

const suite: VectorSuite = {
  run({ input }) {
    const text = (name: string) => String(input[name] ?? "");
    try {
      const { key } = verifyPkiCertificate(
        {
          anchors: parseAnchors(Buffer.from(text("caRootsPem")), "error loading PKI CA Roots certificates"),
          intermediates: parseCertificateList(text("caIntermediatesPem")),
          subjectEmail: text("subjectEmail"),
          subjectHostname: text("subjectHostname"),
        },
        { certificatePem: text("certificatePem"), chainPem: text("chainPem") },
        Number(input["now"]),
      );
      return { ok: true, publicKey: formatPublicKeyPem(key) };
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      return { ok: false, errorKind: error.errorClass, message: error.message };
    }
  },
};

export default suite;
