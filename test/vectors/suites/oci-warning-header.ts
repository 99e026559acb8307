/** Texts of the `Warning` header. */
import { parseWarning } from "../../../src/oci/warning.ts";
import type { VectorSuite } from "../suite.ts";

const suite: VectorSuite = {
  run({ input, expect }) {
    const warning = parseWarning(headerLine(input["header"]));
    if (input["op"] === "parseWarningValue") return warning ?? { error: true };
    if (!warning) return { text: "" };
    return { text: isBytes(expect) ? { $bytes: Buffer.from(warning.bytes).toString("hex") } : warning.text };
  },
};
export default suite;

/** A header line as an HTTP library hands it over: one character a byte. Bytes of this suite are in hex. */
function headerLine(header: unknown): string {
  if (typeof header === "string") return Buffer.from(header, "utf8").toString("latin1");
  return Buffer.from((header as { $bytes: string }).$bytes, "hex").toString("latin1");
}

function isBytes(expect: unknown): boolean {
  return typeof (expect as { text?: unknown }).text === "object";
}
