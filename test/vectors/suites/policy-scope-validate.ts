/** Whether a transport accepts a scope. */
import { validateScope } from "../../../src/policy/scope-validate.ts";
import type { VectorSuite } from "../suite.ts";

const suite: VectorSuite = {
  run({ input }) {
    return { valid: validateScope(String(input["transport"]), String(input["scope"])) === undefined };
  },
};

export default suite;
