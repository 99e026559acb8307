/** What changes for a container that moves from one engine's default profile to another's? */
import { defaultSeccomp, diffProfiles, isSubset } from "lading/seccomp";

const node = { arch: "amd64", capabilities: [], kernel: "6.8.0" };
const before = defaultSeccomp("moby", node);
const after = defaultSeccomp("cri-o", node);

const { differences } = diffProfiles(before, after, { native: "amd64", runtime: "runc" });
for (const { arch, names, numbers, regions } of differences) {
  console.log(`${arch}: ${names.length > 0 ? names.join(" ") : `${numbers.length} ranges without names`}`);
  for (const { conditions, before, after, change } of regions) {
    const where = conditions.map(({ index, op, value }) => `a${index} ${op.slice(9)} ${value}`).join(", ");
    const [was, is] = [before, after].map(({ action, errno }) => `${action.slice(9)} ${errno ?? ""}`.trim());
    console.log(`  ${change}: ${was} -> ${is}${where === "" ? "" : ` when ${where}`}`);
  }
}
if (differences.length === 0) process.exitCode = 1;

const verdict = isSubset(after, before, { native: "amd64" });
if (verdict.kind === "not-subset") {
  const { arch, name, args, inner, outer } = verdict.counterexample;
  console.log(`not within: ${name} on ${arch} (${args.join(", ")}) is ${inner.action}, was ${outer.action}`);
}
