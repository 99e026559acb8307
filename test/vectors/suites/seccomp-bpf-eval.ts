import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonValue } from "../../../src/core/strict-json.ts";
import { returnValue } from "../../../src/seccomp/actions.ts";
import { compileBuilt } from "../../../src/seccomp/bpf/compile.ts";
import { createBpfRunner } from "../../../src/seccomp/bpf/run.ts";
import { toRuntimeSpec } from "../../../src/seccomp/convert.ts";
import { evaluateIn, type SyscallDecision } from "../../../src/seccomp/evaluate.ts";
import { buildFilter } from "../../../src/seccomp/filter.ts";
import { parseProfile } from "../../../src/seccomp/parse.ts";
import type { LinuxSeccomp } from "../../../src/seccomp/types.ts";
import { type ContainerdRules, containerdFilter } from "../compare-seccomp-defaults.ts";
import { conversionOptions, jsonText } from "../seccomp-input.ts";
import type { VectorFields, VectorSuite } from "../suite.ts";

const FILES: [prefix: string, file: string, engine: "containers-common" | "moby"][] = [
  ["containers-common default", "containers-common-default.json", "containers-common"],
  ["CRI-O internal default", "crio-default.json", "containers-common"],
  ["moby default", "moby-default.json", "moby"],
];

/** Calls that libseccomp 2.5.4, whose answers and sizes the cases have, does not know; on x32 alone, the last. */
const NEWER: ReadonlySet<string> = new Set(
  [
    "file_getattr file_setattr getxattrat listmount listns listxattrat lsm_get_self_attr lsm_list_modules",
    "lsm_set_self_attr mseal open_tree_attr removexattrat riscv_hwprobe rseq_slice_yield setxattrat statmount",
    "uprobe uretprobe x32/map_shadow_stack",
  ].flatMap((names) => names.split(" ")),
);

function hasSyscall(arch: string, name: string): boolean {
  return !NEWER.has(name) && !NEWER.has(`${arch}/${name}`);
}

const suite: VectorSuite = {
  run({ input, expect }, { base }) {
    const { defaultProfile } = input;
    const spec =
      typeof defaultProfile === "string" ? builtIn(defaultProfile, input, base) : runtimeSpec(input);
    const filter = buildFilter(spec, { native: "x86_64", hasSyscall });
    const program = compileBuilt(filter, "list");
    const runners = [program, compileBuilt(filter, "tree")].map((program) => createBpfRunner(program));
    const asked = (expect as VectorFields)["evaluations"] as VectorFields[];
    return {
      ruleResults: filter.results.map(({ code }) => code),
      evaluations: asked.map((evaluation) => {
        // The question stands beside its answer: call and architecture, each in two spellings.
        const { arch, auditArch, syscall, nr } = evaluation;
        const args = (evaluation["args"] as string[]).map(BigInt);
        const decision = evaluateIn(filter, { arch: String(arch), nr: Number(nr), args });
        const answered = answer(decision);
        for (const runner of runners) {
          const { value } = runner.run({ arch: Number(auditArch), nr: Number(nr), args });
          if (value !== answered.raw) throw new Error(`the program answers ${value}, not ${answered.raw}`);
        }
        return { arch, auditArch, syscall, args: evaluation["args"], ...answered };
      }),
      instructions: program.length,
    };
  },
};
export default suite;

/** A runtime-spec object as it stands. */
function runtimeSpec(input: JsonValue): LinuxSeccomp {
  const spec = toRuntimeSpec(parseProfile(jsonText(input), { engine: "containerd" }), {
    arch: "amd64",
    capabilities: [],
  });
  if (!spec) throw new TypeError("no filter");
  return spec;
}

function builtIn(name: string, input: VectorFields, base: string): LinuxSeccomp {
  if (name.startsWith("containerd default")) {
    const rules = readFileSync(join(base, "data/seccomp/containerd-default-rules.json"), "utf8");
    return containerdFilter(JSON.parse(rules) as ContainerdRules, conversionOptions(input));
  }
  const found = FILES.find(([prefix]) => name.startsWith(prefix));
  if (!found) throw new TypeError(`no built-in profile ${name}`);
  const [, file, engine] = found;
  const profile = parseProfile(readFileSync(join(base, "data/seccomp", file)), { engine });
  const spec = toRuntimeSpec(profile, conversionOptions(input));
  if (!spec) throw new TypeError("no filter");
  return spec;
}

function answer({ action, errno, nr }: SyscallDecision): { nr: number; action: string; raw: number } {
  const name = action.slice("SCMP_ACT_".length);
  const text = errno === undefined ? name : `${name}(${errno})`;
  return { nr, action: text, raw: returnValue(action, errno) };
}
