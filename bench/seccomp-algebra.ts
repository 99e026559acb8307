/**
 * How long it takes to compare two default profiles, to combine them, and to explain a call, against the times that
 * are the goal: nothing else that can be run does this exactly.
 *
 *   node --conditions=lading-source bench/seccomp-algebra.ts [--margin 0.25]
 */
import { intersectProfiles, unionProfiles } from "../src/seccomp/algebra/combine.ts";
import { diffProfiles, isSubset } from "../src/seccomp/algebra/compare.ts";
import { defaultSeccomp } from "../src/seccomp/defaults/index.ts";
import { explainSyscall } from "../src/seccomp/explain/outcomes.ts";
import { type Figure, formatTime, interleave, report, type Way } from "./interleave.ts";

const node = { arch: "amd64", capabilities: [], kernel: "6.1" };
const [common, crio, containerd] = (["containers-common", "cri-o", "containerd"] as const).map((name) =>
  defaultSeccomp(name, node),
);
if (!common || !crio || !containerd) throw new Error("no profiles");
const options = { native: "x86_64" };

// Each covers x86_64, x86 and x32.
const subset = isSubset(crio, common, options);
if (subset.kind !== "subset") throw new Error(`cri-o's profile within the one it is made of: ${subset.kind}`);
const other = isSubset(common, containerd, options);
if (other.kind !== "not-subset") throw new Error("containerd denies what containers-common allows");

const ways: [way: Way, goalMs: number][] = [
  [{ name: "isSubset, where it is one", run: () => isSubset(crio, common, options) }, 100],
  [{ name: "isSubset, with a counterexample", run: () => isSubset(common, containerd, options) }, 100],
  [{ name: "diffProfiles", run: () => diffProfiles(common, containerd, options) }, 100],
  [{ name: "intersectProfiles", run: () => intersectProfiles([common, containerd], options) }, 100],
  [{ name: "unionProfiles", run: () => unionProfiles([common, containerd], options) }, 100],
  [
    {
      name: "explainSyscall of a call with conditions",
      run: () => explainSyscall(containerd, { arch: "x86_64", name: "clone" }, options),
    },
    10,
  ],
];
const times = await interleave(
  ways.map(([way]) => way),
  { rounds: 20 },
);
const figures = ways.map(([{ name }, goalMs], at): Figure => {
  const value = times[at] ?? Number.NaN;
  console.log(`  ${formatTime(value)}  ${name}`);
  return { name: `${name}, against ${goalMs} ms`, value, against: goalMs * 1000, limit: 1 };
});
report(figures);
