/** Which kind a manifest is, that it is only that, and which entry of an index is taken. */
import { parseJson } from "../../../src/core/strict-json.ts";
import { OciError } from "../../../src/oci/errors.ts";
import { assertOneKind, guessMediaType } from "../../../src/oci/manifest-kind.ts";
import type { VectorCase, VectorSuite } from "../suite.ts";

const suite: VectorSuite = {
  run({ input }) {
    const { op } = input;
    if (op === "guess") return { mediaType: guessMediaType(parseJson(String(input["text"]))) ?? "" };
    if (op === "unambiguous") return checked(input, "exact");
    if (op === "containerdValidate") return checked(input, "kind");
    throw new TypeError(`unknown op ${String(op)}`);
  },
};
export default suite;

function checked({ text, mediaType }: VectorCase["input"], mediaTypes: "exact" | "kind"): unknown {
  try {
    assertOneKind(parseJson(String(text)), String(mediaType), { mediaTypes });
    return { ok: true };
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    const ambiguous = error.code === "ERR_OCI_MANIFEST_AMBIGUOUS";
    return { ok: false, error: ambiguous ? "rejecting ambiguous manifest" : error.code };
  }
}
