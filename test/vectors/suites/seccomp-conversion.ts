import { readFileSync } from "node:fs";
import { join } from "node:path";
import { toRuntimeSpec } from "../../../src/seccomp/convert.ts";
import { SeccompError } from "../../../src/seccomp/errors.ts";
import { parseProfile } from "../../../src/seccomp/parse.ts";
import type { LinuxSeccomp } from "../../../src/seccomp/types.ts";
import { conversionOptions, engineOf, jsonText } from "../seccomp-input.ts";
import type { VectorSuite } from "../suite.ts";

const suite: VectorSuite = {
  run({ input }, { base }) {
    const { profile, profileFile } = input;
    const bytes =
      typeof profileFile === "string" ? readFileSync(join(base, profileFile)) : jsonText(profile ?? null);
    try {
      const parsed = parseProfile(bytes, { engine: engineOf(input["engine"]) });
      const result = toRuntimeSpec(parsed, conversionOptions(input));
      return typeof profileFile === "string" ? { shape: result && shapeOf(result) } : { result };
    } catch (error) {
      if (error instanceof SeccompError) return { error: error.message };
      throw error;
    }
  },
};
export default suite;

function shapeOf(spec: LinuxSeccomp): unknown {
  const allowed = (spec.syscalls ?? []).filter(({ action, args }) => action === "SCMP_ACT_ALLOW" && !args);
  return {
    defaultAction: spec.defaultAction,
    defaultErrnoRet: spec.defaultErrnoRet,
    architectures: spec.architectures ?? null,
    blocks: spec.syscalls?.length ?? 0,
    allowedNames: new Set(allowed.flatMap(({ names }) => names ?? [])).size,
  };
}
