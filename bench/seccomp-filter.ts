/**
 * How long it takes to make a filter of a default profile, against python3-seccomp making the same one, and to decide
 * a call, against a plain interpreter of BPF running the program.
 *
 *   node --conditions=lading-source bench/seccomp-filter.ts [--margin 0.25]
 */
import { spawnSync } from "node:child_process";
import { auditArch } from "../src/seccomp/bpf/audit-arch.ts";
import { compileFilter } from "../src/seccomp/bpf/compile.ts";
import { createBpfRunner } from "../src/seccomp/bpf/run.ts";
import { toRuntimeSpec } from "../src/seccomp/convert.ts";
import { defaultProfile } from "../src/seccomp/defaults/index.ts";
import { createEvaluator } from "../src/seccomp/evaluate.ts";
import { formatSeccomp } from "../src/seccomp/runtime-spec.ts";
import { type Figure, formatTime, interleave, median, report } from "./interleave.ts";

/** Builds and exports the filter of a JSON text twenty times; prints the microseconds of each. */
const PYTHON = `
import json, sys, tempfile, time
import seccomp as lib
OPS = {"SCMP_CMP_" + name: getattr(lib, name) for name in "NE LT LE EQ GE GT MASKED_EQ".split()}
def action(name, errno):
    name = name[len("SCMP_ACT_"):]
    return lib.ERRNO(errno) if name == "ERRNO" else getattr(lib, name)
def build(text):
    spec = json.loads(text)
    default = action(spec["defaultAction"], spec.get("defaultErrnoRet", 1))
    filter = lib.SyscallFilter(default)
    for name in spec["architectures"]:
        arch = getattr(lib.Arch, name[len("SCMP_ARCH_"):])
        if not filter.exist_arch(arch): filter.add_arch(arch)
    for rule in spec["syscalls"]:
        act = action(rule["action"], rule.get("errnoRet", 1))
        if act == default: continue
        args = []
        for arg in rule.get("args", []):
            values = [arg["value"]] + ([arg.get("valueTwo", 0)] if arg["op"].endswith("MASKED_EQ") else [])
            args.append(lib.Arg(arg["index"], OPS[arg["op"]], *values))
        for name in rule["names"]:
            if lib.resolve_syscall(lib.Arch(), name) != -1: filter.add_rule(act, name, *args)
    with tempfile.TemporaryFile() as file: filter.export_bpf(file)
text = sys.stdin.read()
for _ in range(20):
    start = time.perf_counter_ns()
    build(text)
    print((time.perf_counter_ns() - start) / 1000)
`;

const profile = defaultProfile("containers-common");
const options = { arch: "amd64", capabilities: [], kernel: "6.1" };
const filterOptions = { native: "x86_64" };
const spec = toRuntimeSpec(profile, options);
if (!spec) throw new Error("the default profile is no filter");

const named = ["read", "openat", "futex", "socket", "personality", "mount"].map((name) => ({
  arch: "x86_64",
  name,
  args: [1n, 2n, 3n],
}));
const evaluator = createEvaluator(spec, filterOptions);
const calls = named.map((call) => ({
  arch: call.arch,
  nr: evaluator.evaluate(call).nr,
  args: call.args,
}));
const [list, tree] = (["list", "tree"] as const).map((form) =>
  createBpfRunner(compileFilter(spec, { ...filterOptions, form }).program),
);
if (!list || !tree) throw new Error("no programs");
const data = calls.map(({ nr, args }) => ({ nr, arch: auditArch("x86_64"), args }));

const ways = [
  { name: "conversion", run: () => toRuntimeSpec(profile, options) },
  {
    name: "conversion and compilation",
    run: () => compileFilter(toRuntimeSpec(profile, options) ?? spec, filterOptions),
  },
];
const [conversion = Number.NaN, compilation = Number.NaN] = await interleave(ways, { rounds: 40 });
const { status, stdout, stderr } = spawnSync("/usr/bin/python3", ["-c", PYTHON], {
  input: formatSeccomp(spec),
  encoding: "utf8",
});
if (status !== 0) throw new Error(`python3-seccomp: ${stderr}`);
const library = median(stdout.trimEnd().split("\n").map(Number));

const [deciding = Number.NaN, evaluating = Number.NaN, listing = Number.NaN, halving = Number.NaN] =
  await interleave(
    [
      { name: "decision", run: () => calls.map((call) => evaluator.decide(call)) },
      { name: "explanation", run: () => calls.map((call) => evaluator.evaluate(call)) },
      { name: "list", run: () => data.map((call) => list.run(call)) },
      { name: "tree", run: () => data.map((call) => tree.run(call)) },
    ],
    { rounds: 200, repeat: 100 },
  );

console.log(`  ${formatTime(conversion)}  conversion of the default profile of containers-common`);
console.log(`  ${formatTime(compilation)}  conversion and compilation`);
console.log(`  ${formatTime(library)}  python3-seccomp: the same filter, built and exported`);
console.log(`  ${formatTime(deciding / calls.length)}  a decision`);
console.log(`  ${formatTime(evaluating / calls.length)}  a decision with its reasons`);
console.log(`  ${formatTime(listing / calls.length)}  a run of the program`);
console.log(`  ${formatTime(halving / calls.length)}  a run of the program as a tree`);
console.log(`  ${Math.round((calls.length * 1e6) / deciding)} decisions a second`);
const figures: Figure[] = [
  {
    name: "conversion and compilation, against python3-seccomp",
    value: compilation,
    against: library,
    limit: 1,
  },
  { name: "a decision, against interpreting the program", value: deciding, against: listing, limit: 0.1 },
  {
    name: "a decision, against interpreting the program as a tree",
    value: deciding,
    against: halving,
    limit: 0.1,
  },
  { name: "a decision, against a microsecond", value: deciding / calls.length, against: 1, limit: 1 },
  { name: "conversion, against a millisecond", value: conversion, against: 1000, limit: 1 },
];
report(figures);
