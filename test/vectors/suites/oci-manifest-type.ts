/** Which kind a manifest is, that it is only that, and which entry of an index is taken. */
import { parseJson } from "../../../src/core/strict-json.ts";
import { OciError } from "../../../src/oci/errors.ts";
import { parseManifest } from "../../../src/oci/manifest.ts";
import { assertOneKind, guessMediaType } from "../../../src/oci/manifest-kind.ts";
import { selectManifest } from "../../../src/oci/select.ts";
import type { VectorCase, VectorSuite } from "../suite.ts";

const suite: VectorSuite = {
  run({ input }) {
    const { op } = input;
    if (op === "guess") return { mediaType: guessMediaType(parseJson(String(input["text"]))) ?? "" };
    if (op === "unambiguous") return checked(input, "exact");
    if (op === "containerdValidate") return checked(input, "kind");
    if (op === "choose") return chosen(input);
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

function chosen({ index, os, architecture, variant, preferGzip }: VectorCase["input"]): unknown {
  const document = parseManifest(Buffer.from(JSON.stringify(index)));
  if (document.kind !== "index") throw new TypeError("index expected");
  const platform = { os: String(os), architecture: String(architecture), variant: String(variant) };
  const options = { rule: "containers-image", preferGzip: preferGzip === true } as const;
  try {
    return { digest: selectManifest(document.value, platform, options).digest };
  } catch (error) {
    if (!(error instanceof OciError) || error.code !== "ERR_OCI_PLATFORM_NOT_FOUND") throw error;
    return { error: "no image found in image index for architecture" };
  }
}
