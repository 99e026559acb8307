/** What engines make of the same file. */
import {
  convertProfile,
  type EnginePortability,
  type PortabilityEngine,
  parseProfile,
  reportPortability,
} from "../../src/seccomp/index.ts";
import { table } from "./markdown.ts";

const NODE = { arch: "amd64", capabilities: [], kernel: "6.1.0" };
const ENGINES: readonly PortabilityEngine[] = [
  "containers-common",
  "moby",
  "containerd",
  "runc",
  "crun",
  "runtime-spec",
];

const READ = { names: ["read"], action: "SCMP_ACT_ALLOW" };
const WRITE = { names: ["write"], action: "SCMP_ACT_ALLOW" };
const EQ = { index: 0, value: 1, op: "SCMP_CMP_EQ" };

interface Row {
  title: string;
  /** The file. */
  file: string;
  /** What may be ignored in it. */
  names?: readonly string[];
}

function file(change: object, title: string, names?: readonly string[]): Row {
  const profile = { defaultAction: "SCMP_ACT_ERRNO", ...change };
  return { title, file: JSON.stringify(profile), ...(names ? { names } : {}) };
}

function rule(change: object, title: string, names?: readonly string[]): Row {
  return file({ syscalls: [{ ...READ, ...change }] }, title, names);
}

/** One condition with a value that is written as given. */
function value(text: string, title: string): Row {
  const row = rule({ args: [{ ...EQ, value: "VALUE" }] }, title);
  return { ...row, file: row.file.replace('"VALUE"', text) };
}

const ARCH_MAP = [{ architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86"] }];

const ROWS: readonly Row[] = [
  file({ archMap: ARCH_MAP }, "`archMap`", ["archMap"]),
  rule({ includes: { caps: ["CAP_SYS_ADMIN"] } }, "`includes` that does not hold", ["includes"]),
  rule({ excludes: { arches: ["amd64"] } }, "`excludes` that holds", ["excludes"]),
  rule({ includes: { minKernel: "9.0" } }, "`minKernel` of a kernel to come", ["minKernel", "includes"]),
  file({ syscalls: [{ name: "read", action: "SCMP_ACT_ALLOW" }] }, "`name` for one call", ["name"]),
  rule({ action: "SCMP_ACT_ERRNO", errno: "EACCES" }, "`errno` by name", ["errno"]),
  file({ defaultErrno: "ENOSYS" }, "`defaultErrno` by name", ["defaultErrno"]),
  rule({ comment: "why" }, "`comment`", ["comment"]),
  file({ x: 1 }, "a member that nothing knows", ["x"]),
  { title: "a member in other letters: `DefaultAction`", file: '{"DefaultAction":"SCMP_ACT_ERRNO"}' },
  {
    title: "a member that stands twice",
    file: '{"defaultAction":"SCMP_ACT_LOG","defaultAction":"SCMP_ACT_ERRNO"}',
  },
  { title: "`{}`", file: "{}" },
  { title: "`null`", file: "null" },
  { title: "rules without a default action", file: JSON.stringify({ syscalls: [READ] }) },
  file({ architectures: ["SCMP_ARCH_X86"], archMap: ARCH_MAP }, "`architectures` beside `archMap`", [
    "archMap",
  ]),
  rule({ name: "write" }, "`name` beside `names`", ["name"]),
  rule({ action: "SCMP_ACT_ERRNO", errno: "EWOULDBLOCK" }, "an errno name that none knows", ["errno"]),
  file({ defaultAction: "SCMP_ACT_DENY" }, "an unknown action"),
  rule({ args: [{ ...EQ, op: "SCMP_CMP_IS" }] }, "an unknown operator"),
  file({ architectures: ["SCMP_ARCH_VAX"] }, "an unknown architecture"),
  file({ flags: ["SECCOMP_FILTER_FLAG_FAST"] }, "an unknown flag"),
  rule({ names: ["nosuch"] }, "a call that no architecture has", ["nosuch"]),
  rule({ errnoRet: 1 }, "an errno on `SCMP_ACT_ALLOW`"),
  rule({ action: "SCMP_ACT_ERRNO", errnoRet: 1 }, "a rule that says what the default action is"),
  file(
    {
      syscalls: [
        { ...WRITE, args: [EQ] },
        { ...WRITE, args: [EQ], action: "SCMP_ACT_KILL" },
      ],
    },
    "two rules with the same condition and other actions",
  ),
  rule({ args: [{ ...EQ, index: 6 }] }, "argument 6"),
  file({ defaultAction: "SCMP_ACT_NOTIFY" }, "`SCMP_ACT_NOTIFY` by default"),
  file({ syscalls: [{ ...WRITE, action: "SCMP_ACT_NOTIFY" }] }, "`SCMP_ACT_NOTIFY` on `write`"),
  value("18446744073709551615", "the number 2^64-1"),
  value("18446744073709551616", "the number 2^64"),
  value("-1", "a negative number"),
  value("1.0", "a number with a point"),
  value('"1"', "a number as a text"),
  { title: "a `null` among the rules", file: '{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[null]}' },
];

function cell(
  { outcome, ignored, difference, runtimes }: EnginePortability,
  names: readonly string[],
): string {
  const refusing = Object.entries(runtimes ?? {})
    .filter(([, answer]) => answer.kind === "refused")
    .map(([name]) => name);
  const end = refusing.length === 1 ? `; ${refusing[0]} does not start` : "";
  switch (outcome.kind) {
    case "refused":
      return outcome.stage === "load" ? "does not start" : "refused";
    case "undecided":
      return "not known";
    case "unconfined":
      return `**no filter**${end}`;
    case "filter": {
      if (refusing.length === 2) return "does not start";
      const isIgnored = ignored.some(({ name }) => names.includes(name));
      const isLooser =
        difference.kind === "different" &&
        difference.differences.some(({ regions }) => regions.some(({ change }) => change === "looser"));
      return `${isIgnored ? "ignored" : "read"}${isLooser ? ": allows more" : ""}${end}`;
    }
  }
}

/** A row for each thing that can stand in a file, and what each engine does with it. */
export async function engineTable(): Promise<string> {
  const rows = [["in the file", ...ENGINES]];
  for (const { title, file, names = [] } of ROWS) {
    const { engines } = await reportPortability(file, { ...NODE, engines: ENGINES });
    rows.push([title, ...engines.map((each) => cell(each, names))]);
  }
  return table(rows);
}

/** What the engines say where they refuse a file that is JSON. */
export async function refusalTable(): Promise<string> {
  const rows = [["in the file", "engine", "what it says"]];
  for (const { title, file } of ROWS) {
    const { engines } = await reportPortability(file, {
      ...NODE,
      engines: ["containers-common", "moby", "containerd"],
    });
    for (const { engine, outcome } of engines) {
      if (outcome.kind !== "refused" || outcome.stage !== "convert") continue;
      rows.push([title, engine, outcome.message]);
    }
  }
  return table(rows);
}

const NODES = ["amd64", "386", "arm64", "arm", "ppc64le", "s390x", "riscv64", "loong64", "mips64le"];

/** Families of architectures, as the built-in profiles have them and with some that they lack. */
const FAMILIES = [
  ["X86_64", "X86", "X32"],
  ["X86"],
  ["AARCH64", "ARM"],
  ["ARM"],
  ["PPC64LE"],
  ["S390X", "S390"],
  ["RISCV64"],
  ["LOONGARCH64"],
  ["MIPSEL64", "MIPSEL"],
];

/** Which architectures a filter covers, of a file with an `archMap` of all families. */
export function architectureTable(): string {
  const archMap = FAMILIES.map(([native, ...others]) => ({
    architecture: `SCMP_ARCH_${native}`,
    subArchitectures: others.map((name) => `SCMP_ARCH_${name}`),
  }));
  const text = JSON.stringify({ defaultAction: "SCMP_ACT_ERRNO", archMap });
  const engines = ["containers-common", "moby", "containerd"] as const;
  const rows = [["node", ...engines]];
  for (const arch of NODES) {
    const cells = engines.map((engine) => {
      const { spec } = convertProfile(parseProfile(text, { engine }), { ...NODE, arch });
      const covered = spec?.architectures?.map((name) => name.replace("SCMP_ARCH_", ""));
      return covered?.join(", ") ?? "the node's own";
    });
    rows.push([arch, ...cells]);
  }
  return table(rows);
}
