/** Which profile does a container get on this node, and what will it do to a call? */
import { evaluateSyscall, filterOfChoice, resolveSeccomp } from "lading/seccomp";

const container = { name: "app", securityContext: { seccompProfile: { type: "RuntimeDefault" } } };
const pod = { metadata: { annotations: {} }, spec: {} };

for (const runtime of [{ kind: "cri-o" }, { kind: "containerd" }] as const) {
  const choice = resolveSeccomp({ pod, container, imageAnnotations: {}, runtime });
  if (choice.kind === "ambiguous") throw new Error("the node takes one of several workloads at random");
  for (const candidate of choice.trace) console.log(runtime.kind, candidate.outcome, candidate.reason);

  const filter = await filterOfChoice(choice, {
    arch: "amd64",
    capabilities: ["CAP_CHOWN"],
    kernel: "6.1.0",
  });
  if (filter.kind === "unconfined") console.log("no filter:", filter.reason);
  else {
    for (const name of ["mount", "unshare", "kexec_load"]) {
      const { action, errno } = evaluateSyscall(filter.spec, { arch: "amd64", name });
      console.log(runtime.kind, name, action, errno ?? "");
    }
  }
}
