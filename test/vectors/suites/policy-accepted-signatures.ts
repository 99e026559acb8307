/** Which signatures in a directory have an author that a policy accepts. */
import { withDefaultTag } from "../../../src/core/reference.ts";
import { signaturesWithAcceptedAuthor } from "../../../src/policy/accepted-signatures.ts";
import { dockerImage } from "../../../src/policy/evaluate.ts";
import { parsePolicy } from "../../../src/policy/parse.ts";
import { parseImageReference } from "../../../src/policy/reference.ts";
import type { VectorSuite } from "../suite.ts";
import { readImageEvidence } from "./policy-policy-eval.ts";

const suite: VectorSuite = {
  async run({ input }, { base }) {
    const accepted = await signaturesWithAcceptedAuthor(
      parsePolicy(JSON.stringify(input["policy"])),
      dockerImage(withDefaultTag(parseImageReference(String(input["imageReference"])))),
      readImageEvidence(base, String(input["imageDir"])),
    );
    return { acceptedSignatures: accepted };
  },
};

export default suite;
