/** The filters that libseccomp makes, through the Python module that Debian ships with it. */
import { spawnSync } from "node:child_process";
import { type BpfInstruction, decodeBpf } from "../../src/seccomp/bpf/instruction.ts";
import type { SeccompFilterOptions } from "../../src/seccomp/filter.ts";
import type { LinuxSeccomp } from "../../src/seccomp/types.ts";

/** The system's own Python: another one on the search path does not have the module. */
const PYTHON = "/usr/bin/python3";
const FAMILY = ["x86_64", "x86", "x32"];
const MAX_OUTPUT = 1024 * 1024 * 1024;

/** What libseccomp makes of an object. */
export interface LibraryFilter {
  /** What it answers to each rule, as a runtime hands them over: 0, -17 or -22. */
  codes: number[];
  program: BpfInstruction[];
}

/** Why there are no filters of libseccomp for x86_64; undefined if there are. */
export function whyNoLibseccomp(): string | undefined {
  if (process.arch !== "x64") return "libseccomp: not on x86_64";
  const { status } = spawnSync(PYTHON, ["-c", "import seccomp"]);
  return status === 0 ? undefined : "not installed: python3-seccomp";
}

/**
 * The filters of some objects, on x86_64 with whatever architectures of its family each one lists.
 *
 * @param form `"tree"` asks for the binary tree.
 */
export function libraryFilters(specs: readonly LinuxSeccomp[], form: "list" | "tree"): LibraryFilter[] {
  const input = `${specs.map((spec) => JSON.stringify(spec, numbers)).join("\n")}\n`;
  const lines = python(FILTERS, form, input).trimEnd().split("\n");
  if (lines.length !== specs.length) throw new Error(`${lines.length} filters for ${specs.length} objects`);
  return lines.map((line) => {
    const { codes, program } = JSON.parse(line) as { codes: number[]; program: string };
    return { codes, program: decodeBpf(Buffer.from(program, "hex")) };
  });
}

/** Which calls the installed libseccomp has; of architectures outside the family, whether it has them anywhere. */
export function librarySyscalls(names: readonly string[]): NonNullable<SeccompFilterOptions["hasSyscall"]> {
  const lines = python(NAMES, "", `${names.join("\n")}\n`)
    .trimEnd()
    .split("\n");
  const known = new Set(lines);
  return (arch, name) => known.has(`${FAMILY.includes(arch) ? arch : "any"} ${name}`);
}

function python(script: string, argument: string, input: string): string {
  const { status, stdout, stderr } = spawnSync(PYTHON, ["-c", script, argument], {
    input,
    encoding: "utf8",
    maxBuffer: MAX_OUTPUT,
  });
  if (status !== 0) throw new Error(`python3-seccomp failed: ${stderr.slice(-2000)}`);
  return stdout;
}

/** 64-bit numbers as texts: Python reads them exactly. */
function numbers(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? `${value}` : value;
}

const FILTERS = `
import json, re, sys, tempfile
import seccomp as lib

def action(name, errno):
    name = name[len("SCMP_ACT_"):]
    if name == "ERRNO": return lib.ERRNO(errno & 0xffff)
    if name == "TRACE": return lib.TRACE(errno & 0xffff)
    return getattr(lib, {"KILL_THREAD": "KILL"}.get(name, name))

def condition(arg):
    op = arg["op"][len("SCMP_CMP_"):]
    operands = [int(arg["value"])] + ([int(arg.get("valueTwo", 0))] if op == "MASKED_EQ" else [])
    return lib.Arg(arg["index"], getattr(lib, op), *operands)

def groups(args):
    indexes = [arg["index"] for arg in args]
    return [args] if len(set(indexes)) == len(indexes) else [[arg] for arg in args]

def build(spec):
    default = action(spec["defaultAction"], spec.get("defaultErrnoRet", 1))
    filter = lib.SyscallFilter(default)
    for name in spec.get("architectures", []):
        arch = getattr(lib.Arch, name[len("SCMP_ARCH_"):])
        if not filter.exist_arch(arch): filter.add_arch(arch)
    codes = []
    for rule in spec.get("syscalls", []):
        act = action(rule["action"], rule.get("errnoRet", 1))
        if act == default: continue
        for name in rule["names"]:
            if lib.resolve_syscall(lib.Arch(), name) == -1: continue
            for args in groups(rule.get("args", [])):
                try:
                    filter.add_rule(act, name, *[condition(arg) for arg in args])
                    codes.append(0)
                except Exception as error:
                    codes.append(int(re.search(r"-\\d+", str(error)).group()))
    if sys.argv[1] == "tree": filter.set_attr(lib.Attr.CTL_OPTIMIZE, 2)
    return filter, codes

for line in sys.stdin:
    filter, codes = build(json.loads(line))
    with tempfile.TemporaryFile() as file:
        filter.export_bpf(file)
        file.seek(0)
        print(json.dumps({"codes": codes, "program": file.read().hex()}))
`;

const NAMES = `
import sys
import seccomp as lib

for name in sys.stdin.read().split():
    if lib.resolve_syscall(lib.Arch(), name) != -1: print("any", name)
    for arch in ("X86_64", "X86", "X32"):
        number = lib.resolve_syscall(getattr(lib.Arch, arch), name)
        # Below -100 are multiplexed calls, below -10000 calls of other architectures.
        if number >= 0 or -1000 < number <= -100: print(arch.lower(), name)
`;
