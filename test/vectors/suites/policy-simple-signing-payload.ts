/** What a simple-signing payload says. */
import { PolicyError } from "../../../src/policy/errors.ts";
import { parsePayload } from "../../../src/policy/payload.ts";
import type { VectorSuite } from "../suite.ts";

const suite: VectorSuite = {
  run({ input }) {
    try {
      return { ok: true, parsed: parsePayload(Buffer.from(String(input["payload"])), "simple-signing") };
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      return { ok: false, errorKind: error.errorClass, message: error.message };
    }
  },
};

export default suite;
