/** Which policy file is used. */
import { PolicyError } from "../../../src/policy/errors.ts";
import { loadPolicy } from "../../../src/policy/load.ts";
import type { VectorSuite } from "../suite.ts";

const suite: VectorSuite = {
  async run({ input }) {
    const files = input["files"] as Record<string, string>;
    try {
      const { path } = await loadPolicy({
        path: optional(input["explicitPath"]),
        root: optional(input["rootForImplicitPaths"]),
        env: input["env"] as Record<string, string>,
        async readFile(name) {
          const text = Object.hasOwn(files, name) ? files[name] : undefined;
          if (text === undefined) throw Object.assign(new Error(`no such file: ${name}`), { code: "ENOENT" });
          return Buffer.from(text);
        },
      });
      return { file: path };
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      const kind = error.code === "ERR_POLICY_FILE" ? "not-found" : "invalid-policy";
      return { error: kind, message: error.message };
    }
  },
};

function optional(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

export default suite;
