import { toRuntimeSpec } from "../../../src/seccomp/convert.ts";
import { SeccompError } from "../../../src/seccomp/errors.ts";
import { parseKernelRelease } from "../../../src/seccomp/kernel.ts";
import { parseProfile } from "../../../src/seccomp/parse.ts";
import { conversionOptions, engineOf, jsonText } from "../seccomp-input.ts";
import type { VectorFields, VectorSuite } from "../suite.ts";

const suite: VectorSuite = {
  run({ input, expect }) {
    if (typeof input["release"] === "string") return release(input["release"]);
    const engines = ["containers-common", "moby"].filter((name) => Object.hasOwn(Object(expect), name));
    return Object.fromEntries(engines.map((engine) => [engine, outcome(engine, input)]));
  },
};
export default suite;

function release(text: string): unknown {
  try {
    const { kernel, major } = parseKernelRelease(text);
    return { version: [kernel, major] };
  } catch (error) {
    return { error: kindOf(error, "failed to parse kernel version") };
  }
}

function outcome(engine: string, input: VectorFields): unknown {
  const { includes = null, excludes = null } = input;
  const rule = { names: ["read"], action: "SCMP_ACT_ALLOW", includes, excludes };
  const profile = jsonText({ defaultAction: "SCMP_ACT_ERRNO", syscalls: [rule] });
  try {
    const parsed = parseProfile(profile, { engine: engineOf(engine) });
    const spec = toRuntimeSpec(parsed, conversionOptions(input));
    return { kept: spec?.syscalls?.length === 1 };
  } catch (error) {
    return { error: kindOf(error, "invalid kernel version") };
  }
}

function kindOf(error: unknown, kind: string): string {
  if (error instanceof SeccompError && error.code === "ERR_SECCOMP_KERNEL_VERSION") return kind;
  throw error;
}
