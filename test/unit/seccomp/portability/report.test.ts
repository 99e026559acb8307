import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatSeccomp } from "../../../../src/seccomp/index.ts";
import {
  type EnginePortability,
  type PortabilityEngine,
  type ReportPortabilityOptions,
  reportPortability,
} from "../../../../src/seccomp/portability/index.ts";

const NODE = { arch: "amd64", capabilities: [], kernel: "6.1.0" };
const ENGINES = ["containers-common", "moby", "containerd", "runc", "crun", "runtime-spec"] as const;
const READ = { names: ["read"], action: "SCMP_ACT_ALLOW" };

async function readings(
  profile: object | string,
  options: Partial<ReportPortabilityOptions> = {},
): Promise<Record<PortabilityEngine, EnginePortability>> {
  const text = typeof profile === "string" ? profile : JSON.stringify(profile);
  const { engines } = await reportPortability(text, { ...NODE, ...options });
  return Object.fromEntries(engines.map((each) => [each.engine, each])) as Record<
    PortabilityEngine,
    EnginePortability
  >;
}

/** What becomes of a file with each engine: the stage of a refusal, else the kind. */
async function outcomes(profile: object | string): Promise<string[]> {
  const all = await readings(profile);
  return ENGINES.map((engine) => {
    const { outcome } = all[engine];
    return outcome.kind === "refused" ? outcome.stage : outcome.kind;
  });
}

/** The parts that an engine passes over, without their places. */
function parts({ ignored }: EnginePortability): string[] {
  return ignored.map(({ kind, name, count }) => `${kind} ${name} ${count}`);
}

/** Changes on an architecture: names and how they fare. */
function changes({ difference }: EnginePortability, arch = "x86_64"): string[] {
  if (difference.kind !== "different") return [difference.kind];
  return difference.differences
    .filter((each) => each.arch === arch)
    .flatMap(({ names, regions }) =>
      regions.map(({ change, after }) => `${change} ${names.slice(0, 3)} ${after.action}`),
    );
}

describe("a file that means the same to all", () => {
  const same = { defaultAction: "SCMP_ACT_ERRNO", architectures: ["SCMP_ARCH_X86_64"], syscalls: [READ] };

  test("is taken by all, with the same decisions and nothing passed over", async () => {
    const all = await readings(same);
    assert.deepEqual(Object.keys(all), ENGINES);
    for (const engine of ENGINES) {
      const { outcome, ignored, difference, runtimes } = all[engine];
      assert.equal(outcome.kind, "filter", engine);
      assert.equal(outcome.kind === "filter" && formatSeccomp(outcome.spec), JSON.stringify(same));
      assert.deepEqual(ignored, []);
      assert.equal(difference.kind, engine === "containers-common" ? "reference" : "none", engine);
      const handsOn = engine !== "runc" && engine !== "crun";
      assert.deepEqual(
        runtimes,
        handsOn ? { runc: { kind: "loads" }, crun: { kind: "loads" } } : undefined,
        engine,
      );
    }
  });

  test("gives the same report twice, in the order asked for", async () => {
    const options = { ...NODE, from: "moby", engines: ["crun", "moby"] } as const;
    const text = JSON.stringify(same);
    const report = await reportPortability(text, options);
    assert.equal(report.from, "moby");
    assert.equal(report.arch, "x86_64");
    assert.deepEqual(
      report.engines.map(({ engine, difference }) => `${engine} ${difference.kind}`),
      ["crun none", "moby reference"],
    );
    assert.deepEqual(await reportPortability(Buffer.from(text), options), report);
  });
});

describe("what an engine passes over", () => {
  const file = {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrno: "ENOSYS",
    archMap: [{ architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86"] }],
    syscalls: [
      { name: "read", action: "SCMP_ACT_ALLOW" },
      { names: ["mount", "nosuch"], action: "SCMP_ACT_ALLOW", includes: { caps: ["CAP_SYS_ADMIN"] } },
      { names: ["ptrace"], action: "SCMP_ACT_ALLOW", includes: { minKernel: "6.8" } },
      { names: ["bpf"], action: "SCMP_ACT_ERRNO", errno: "EACCES", comment: "x", excludes: { caps: ["C"] } },
    ],
  };

  test("is told for each of its members, entries and names", async () => {
    const all = await readings(file);
    assert.deepEqual(parts(all["containers-common"]), [
      "unknown-member minKernel 1",
      "dropped-entry includes.caps CAP_SYS_ADMIN 1",
    ]);
    assert.deepEqual(parts(all.moby), [
      "unknown-member defaultErrno 1",
      "unknown-member errno 1",
      "dropped-entry includes.caps CAP_SYS_ADMIN 1",
      "dropped-entry includes.minKernel 6.8 1",
    ]);
    assert.deepEqual(parts(all.containerd), [
      "unknown-member defaultErrno 1",
      "unknown-member archMap 1",
      "unknown-member name 1",
      "unknown-member includes 2",
      "unknown-member errno 1",
      "unknown-member comment 1",
      "unknown-member excludes 1",
      "unknown-call nosuch 1",
    ]);
    const includes = all.containerd.ignored.find(({ name }) => name === "includes");
    assert.deepEqual(includes?.paths, ["$['syscalls'][1]['includes']", "$['syscalls'][2]['includes']"]);
    assert.deepEqual(all.runc.ignored, all.containerd.ignored);
    assert.deepEqual(all.crun.ignored, []);
    const { outcome } = all.crun;
    assert.equal(outcome.kind === "refused" && outcome.message, "Required field 'names' not present");
    assert.deepEqual(all["runtime-spec"].ignored, []);
  });

  test("changes what calls do, which is told by call and region", async () => {
    const all = await readings(file);
    // containerd: no name, no gate, no errno name, native only.
    assert.deepEqual(changes(all.containerd), [
      "stricter read SCMP_ACT_ERRNO",
      "errno write,open,close SCMP_ACT_ERRNO",
      "looser mount SCMP_ACT_ALLOW",
      "errno bpf SCMP_ACT_ERRNO",
    ]);
    assert.ok(changes(all.containerd, "x86").every((text) => text.endsWith("SCMP_ACT_KILL_THREAD")));
    // Docker honours minKernel, and knows no names of errno values.
    assert.ok(changes(all.moby).includes("stricter ptrace SCMP_ACT_ERRNO"));
    assert.ok(!changes(all.moby).some((text) => text.startsWith("looser")));
  });

  test("depends on the node", async () => {
    const admin = await readings(file, { capabilities: ["CAP_SYS_ADMIN"], kernel: "6.8" });
    assert.deepEqual(parts(admin.moby), [
      "unknown-member defaultErrno 1",
      "unknown-member errno 1",
      "unknown-call nosuch 1",
    ]);
    assert.deepEqual(parts(admin["containers-common"]), [
      "unknown-member minKernel 1",
      "unknown-call nosuch 1",
    ]);
    assert.ok(!changes(admin.containerd).some((text) => text.startsWith("looser")));
    // containers-common reads no archMap on ppc64le, Docker does.
    const power = { ...file, archMap: [{ architecture: "SCMP_ARCH_PPC64LE" }] };
    const all = await readings(power, { arch: "ppc64le" });
    assert.ok(parts(all["containers-common"]).includes("architecture-map archMap 1"));
    assert.ok(!parts(all.moby).includes("architecture-map archMap 1"));
  });

  test("is found in any letter case, and where it stands twice", async () => {
    const text =
      '{"DefaultAction":"SCMP_ACT_ALLOW","defaultAction":"SCMP_ACT_ERRNO","x":1,"sYscalls":[{"names":["read"],"ACTION":"SCMP_ACT_LOG","args":[{"index":0,"value":1,"op":"SCMP_CMP_EQ","more":{"index":1}}]}]}';
    const all = await readings(text);
    for (const engine of ["containers-common", "moby", "containerd"] as const) {
      assert.deepEqual(
        parts(all[engine]),
        ["repeated-member defaultAction 1", "unknown-member x 1", "unknown-member more 1"],
        engine,
      );
      assert.equal(all[engine].outcome.kind, "filter");
    }
    assert.deepEqual(parts(all.crun), [
      "unknown-member DefaultAction 1",
      "unknown-member x 1",
      "unknown-member sYscalls 1",
    ]);
    const strict = all["runtime-spec"].outcome;
    assert.equal(strict.kind === "refused" && strict.code, "ERR_SECCOMP_STRICT");
  });

  test("is the first of several members to crun alone", async () => {
    const all = await readings(
      '{"defaultAction":"SCMP_ACT_LOG","defaultAction":"SCMP_ACT_ERRNO","Flags":[]}',
    );
    const actionOf = ({ outcome }: EnginePortability): string =>
      outcome.kind === "filter" ? outcome.spec.defaultAction : outcome.kind;
    assert.deepEqual([actionOf(all.runc), actionOf(all.crun)], ["SCMP_ACT_ERRNO", "SCMP_ACT_LOG"]);
    assert.deepEqual(parts(all.crun), ["repeated-member defaultAction 1", "unknown-member Flags 1"]);
    assert.ok(changes(all.crun).some((text) => text.startsWith("looser")));
  });

  test("is counted, with its first places", async () => {
    const gated = Array.from({ length: 25 }, () => ({ ...READ, includes: { caps: ["CAP_BPF"] } }));
    const all = await readings({ defaultAction: "SCMP_ACT_ERRNO", syscalls: gated });
    const [member] = all.containerd.ignored;
    assert.equal(member?.count, 25);
    assert.equal(member?.paths.length, 10);
    const [entry] = all["containers-common"].ignored;
    assert.deepEqual([entry?.kind, entry?.count, entry?.paths[1]], ["dropped-entry", 25, "$['syscalls'][1]"]);
  });
});

describe("what becomes of a file", () => {
  const arg = (value: string): string =>
    `{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":${value},"op":"SCMP_CMP_EQ"}]}]}`;
  const cases: [name: string, profile: object | string, outcomes: string[]][] = [
    ["no JSON", "{", ["read", "read", "read", "read", "read", "read"]],
    // Nobody stops a container for a profile that says nothing; crun wants a default action.
    ["{}", {}, ["unconfined", "unconfined", "unconfined", "unconfined", "read", "read"]],
    // In a bundle's configuration null is an absent member; containerd makes an empty object of it.
    ["null", "null", ["unconfined", "unconfined", "unconfined", "unconfined", "unconfined", "read"]],
    [
      "two ways to say architectures",
      {
        defaultAction: "SCMP_ACT_ERRNO",
        architectures: ["SCMP_ARCH_X86"],
        archMap: [{ architecture: "SCMP_ARCH_X86_64" }],
      },
      ["convert", "convert", "filter", "filter", "filter", "read"],
    ],
    [
      "name and names",
      { defaultAction: "SCMP_ACT_ERRNO", syscalls: [{ ...READ, name: "write" }] },
      ["convert", "convert", "filter", "filter", "filter", "read"],
    ],
    // crun wants names in a rule.
    [
      "name without names",
      { defaultAction: "SCMP_ACT_ERRNO", syscalls: [{ name: "read", action: "SCMP_ACT_ALLOW" }] },
      ["filter", "filter", "filter", "filter", "read", "read"],
    ],
    [
      "an entry that is null",
      '{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[null]}',
      ["read", "read", "filter", "load", "read", "read"],
    ],
    // crun reads members in their own letters, and passes over or takes some values that Go programs refuse.
    ["other letters", '{"DefaultAction":"SCMP_ACT_ERRNO"}', [...Array(4).fill("filter"), "read", "read"]],
    ["a number as a text", arg('"1"'), ["read", "read", "read", "read", "undecided", "read"]],
    ["a negative number", arg("-1"), ["read", "read", "read", "read", "undecided", "read"]],
    ["a number with a point", arg("1.0"), ["read", "read", "read", "read", "read", "read"]],
    ["2^64", arg("18446744073709551616"), ["read", "read", "read", "read", "read", "read"]],
    [
      "an unknown errno name",
      { defaultAction: "SCMP_ACT_ERRNO", defaultErrno: "EWOULDBLOCK" },
      ["convert", "filter", "filter", "filter", "filter", "read"],
    ],
    [
      "a malformed minKernel",
      { defaultAction: "SCMP_ACT_ERRNO", syscalls: [{ ...READ, includes: { minKernel: "x" } }] },
      ["filter", "read", "filter", "filter", "filter", "read"],
    ],
    [
      "an unknown action",
      { defaultAction: "SCMP_ACT_NO" },
      ["filter", "filter", "filter", "load", "load", "read"],
    ],
    [
      "an errno on an action that has none",
      { defaultAction: "SCMP_ACT_ERRNO", syscalls: [{ ...READ, errnoRet: 1 }] },
      ["filter", "filter", "filter", "filter", "load", "filter"],
    ],
    [
      "a notification by default",
      { defaultAction: "SCMP_ACT_NOTIFY" },
      ["filter", "filter", "filter", "load", "filter", "filter"],
    ],
    [
      "nothing is stopped",
      { defaultAction: "SCMP_ACT_ALLOW" },
      ["filter", "filter", "filter", "filter", "filter", "filter"],
    ],
  ];
  for (const [name, profile, expected] of cases) {
    test(name, async () => assert.deepEqual(await outcomes(profile), expected));
  }

  test("is told with the words of the engine and the place", async () => {
    const conflict = await readings({
      defaultAction: "SCMP_ACT_ERRNO",
      architectures: ["SCMP_ARCH_X86"],
      archMap: [{ architecture: "SCMP_ARCH_X86_64" }],
    });
    const text = ({ outcome }: EnginePortability): string =>
      outcome.kind === "refused" ? outcome.message : outcome.kind;
    assert.match(text(conflict["containers-common"]), /^'architectures' and 'archMap' were specified in/);
    assert.match(text(conflict.moby), /^both 'architectures' and 'archMap' are specified in/);
    const broken = await readings('{"defaultAction":\n1}');
    assert.match(text(broken["containers-common"]), /^decoding seccomp profile failed: /);
    assert.match(text(broken.moby), /^Decoding seccomp profile failed: /);
    const { outcome, difference } = broken.containerd;
    assert.ok(outcome.kind === "refused" && outcome.stage === "read");
    assert.deepEqual([outcome.position?.path, outcome.position?.line], ["$['defaultAction']", 2]);
    assert.equal(difference.kind === "not-comparable" && difference.code, "ERR_SECCOMP_TYPE");
  });

  test("says of runtimes whether the container starts", async () => {
    const all = await readings({
      defaultAction: "SCMP_ACT_ERRNO",
      syscalls: [{ ...READ, action: "SCMP_ACT_KILL", errnoRet: 1 }],
    });
    for (const engine of ["containers-common", "moby", "containerd"] as const) {
      assert.equal(all[engine].runtimes?.runc.kind, "loads");
      assert.equal(all[engine].runtimes?.crun.kind, "refused");
    }
    // Go writes a rule without names as null, which crun takes for none.
    const unnamed = await readings({
      defaultAction: "SCMP_ACT_ERRNO",
      syscalls: [{ action: "SCMP_ACT_ALLOW" }],
    });
    for (const engine of ["moby", "containerd"] as const) {
      assert.equal(unnamed[engine].runtimes?.runc.kind, "loads");
      assert.equal(unnamed[engine].runtimes?.crun.kind, "refused");
    }
    assert.equal(unnamed["containers-common"].runtimes?.crun.kind, "loads");
    const empty = await readings("{}");
    assert.deepEqual(empty["containers-common"].runtimes?.crun, { kind: "no-filter" });
    assert.deepEqual(empty.containerd.runtimes?.runc, { kind: "no-filter" });
    assert.equal(empty.containerd.runtimes?.crun.kind, "refused");
  });

  test("that lets everything through is no filter in so many words", async () => {
    const all = await readings({ defaultAction: "SCMP_ACT_ALLOW" });
    const { outcome } = all.moby;
    assert.equal(outcome.kind === "filter" && outcome.confinement, "stops-nothing");
  });

  test("without a filter differs everywhere", async () => {
    const all = await readings('{"defaultaction":"SCMP_ACT_ERRNO","x":1}');
    assert.equal(all["containers-common"].outcome.kind, "filter");
    // An entry that only its name makes a rule for containers-common: containerd has no names for it.
    const { difference } = (await readings({ syscalls: [{ name: "read", action: "SCMP_ACT_ALLOW" }] })).moby;
    assert.equal(difference.kind, "not-comparable");
    const ways = await readings('{"defaultErrno":"x"}', { from: "moby", engines: ["moby", "containerd"] });
    assert.equal(ways.moby.outcome.kind, "unconfined");
    assert.equal(ways.containerd.difference.kind, "none");
  });
});

describe("what cannot be asked", () => {
  const text = JSON.stringify({ defaultAction: "SCMP_ACT_ERRNO" });
  const asked = (options: object): Promise<unknown> =>
    reportPortability(text, { ...NODE, ...options } as ReportPortabilityOptions);

  test("is an error of its own", async () => {
    await assert.rejects(asked({ maxBytes: 5 }), { code: "ERR_SECCOMP_TOO_LARGE" });
    await assert.rejects(asked({ maxBytes: 5, engines: ["runtime-spec"], from: "runtime-spec" }), {
      code: "ERR_SECCOMP_TOO_LARGE",
    });
    await assert.rejects(asked({ kernel: "x" }), { code: "ERR_SECCOMP_KERNEL_VERSION" });
    await assert.rejects(asked({ arch: "x86_64" }), RangeError);
    await assert.rejects(asked({ arch: "mipsel64" }), RangeError);
    await assert.rejects(asked({ from: "toString" }), TypeError);
    await assert.rejects(asked({ engines: ["podman"] }), TypeError);
    await assert.rejects(asked({ capabilities: null }), TypeError);
  });

  test("a number that only Go reads is not known", async () => {
    const { containerd } = await readings(
      '{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":9007199254740993}',
    );
    assert.equal(containerd.outcome.kind, "undecided");
    assert.equal(containerd.difference.kind, "not-comparable");
  });
});
