/** Next pages by the `Link` header. */
import { OciError } from "../../../src/oci/errors.ts";
import { nextPage } from "../../../src/oci/link.ts";
import type { VectorSuite } from "../suite.ts";

const suite: VectorSuite = {
  run({ input }) {
    const { link, requestUrl } = input;
    try {
      const next = nextPage(typeof link === "string" ? link : undefined, String(requestUrl));
      return { next: next?.href ?? null, error: false, sameOrigin: next !== undefined };
    } catch (error) {
      if (!(error instanceof OciError)) throw error;
      return { error: error.code };
    }
  },
};
export default suite;
