/** Whether a signed name is accepted for an image, and the two steps of remapIdentity. */
import { formatReference } from "../../../src/core/reference.ts";
import { matchesIdentity, matchesRemapPrefix, remapReference } from "../../../src/policy/identity.ts";
import { parseImageReference } from "../../../src/policy/reference.ts";
import type { SignedIdentity } from "../../../src/policy/types.ts";
import type { VectorSuite } from "../suite.ts";

const suite: VectorSuite = {
  run({ input }) {
    const prefix = String(input["prefix"]);
    switch (input["unit"]) {
      case "remapPrefixMatches":
        return { matches: matchesRemapPrefix(prefix, parseImageReference(String(input["reference"]))) };
      case "remapRewrite": {
        const signedPrefix = String(input["signedPrefix"]);
        const result = remapReference(
          { prefix, signedPrefix },
          parseImageReference(String(input["reference"])),
        );
        return result ? { result: formatReference(result) } : { error: true };
      }
      default: {
        const image = input["image"];
        const reference = typeof image === "string" ? parseImageReference(image) : undefined;
        const identity = input["signedIdentity"] as unknown as SignedIdentity;
        return { accept: matchesIdentity(identity, reference, String(input["signed"])) };
      }
    }
  },
};

export default suite;
