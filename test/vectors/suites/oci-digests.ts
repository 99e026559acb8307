/** Digests: computing, checking, and tags that stand for them. */
import {
  chainIds,
  classifyDigest,
  type Digest,
  type DigestAlgorithm,
  digestOf,
  parseDigest,
  verifyBytes,
} from "../../../src/core/digest.ts";
import { isLadingError } from "../../../src/core/errors.ts";
import type { JsonValue } from "../../../src/core/strict-json.ts";
import { cosignTag, referrersTag } from "../../../src/oci/digest-tag.ts";
import type { VectorFields, VectorSuite } from "../suite.ts";

const suite: VectorSuite = {
  run({ input }) {
    const operation = OPERATIONS[String(input["op"])];
    if (!operation) throw new TypeError(`unknown op ${input["op"]}`);
    return operation(input);
  },
};
export default suite;

const OPERATIONS: Readonly<Record<string, (input: VectorFields) => unknown>> = {
  digest: (input) => ({
    digest: digestOf(String(input["text"]), String(input["algorithm"]) as DigestAlgorithm),
  }),
  validate: (input) => {
    const form = classifyDigest(String(input["digest"]));
    return {
      grammar: form.kind !== "invalid",
      registered: form.kind === "registered",
      ...(form.kind === "registered" ? { valid: form.valid } : {}),
    };
  },
  chainIds: (input) => {
    const ids = chainIds((input["diffIds"] as JsonValue[]).map((id) => String(id) as Digest));
    return { chainIds: ids, chainId: ids.at(-1) };
  },
  referrersTag: (input) => outcome(() => ({ tag: referrersTag(String(input["digest"])) })),
  cosignTag: (input) =>
    outcome(() => ({ tag: cosignTag(parseDigest(String(input["digest"])), String(input["suffix"])) })),
  verifyData: (input) => {
    const { data, digest, size } = input["descriptor"] as VectorFields;
    const verified = outcome(() => {
      verifyBytes(Buffer.from(String(data), "base64"), {
        digest: parseDigest(String(digest)),
        size: Number(size),
      });
      return {};
    });
    return { ok: !("error" in verified), ...verified };
  },
};

function outcome(run: () => object): object {
  try {
    return run();
  } catch (error) {
    if (!isLadingError(error)) throw error;
    return { error: error.code };
  }
}
