/** Compile only: what the types of lading/seccomp admit and refuse. */
import { createArtifactSource, type RepositorySource } from "../../src/oci/index.ts";
import {
  type ArtifactSource,
  type ArtifactTarget,
  type ContainerdSeccompNode,
  createEvaluator,
  type DefiniteSeccompChoice,
  evaluateSyscall,
  fetchProfileArtifact,
  type LinuxSeccomp,
  parseProfile,
  pushProfileArtifact,
  readProfile,
  readProfileAsEngine,
  resolveSeccomp,
  type SeccompChoice,
  type SyscallVerdict,
  toRuntimeSpec,
} from "../../src/seccomp/index.ts";

export function choice(given: SeccompChoice): string {
  // @ts-expect-error an ambiguous choice has no trace of its own
  given.trace;
  switch (given.kind) {
    case "none":
      // @ts-expect-error where there is no filter there is no path
      given.path;
      return given.reason satisfies "seccomp-disabled" | "privileged" | "not-requested" | "unconfined";
    case "runtime-default":
      return given.profile.kind === "file" ? given.profile.path : "built-in";
    case "localhost":
      return given.path;
    case "artifact":
      return given.reference;
    case "ambiguous": {
      const [first]: DefiniteSeccompChoice[] = given.alternatives;
      return first?.kind ?? "";
    }
    default:
      return given satisfies never;
  }
}

export async function resolve(
  source: RepositorySource,
  store: ArtifactTarget,
  spec: LinuxSeccomp,
): Promise<unknown> {
  const pod = { metadata: { annotations: { a: "b" } }, spec: {} };
  const container = { name: "c", securityContext: { seccompProfile: { type: "RuntimeDefault" } } };
  resolveSeccomp({ pod, container, imageAnnotations: {}, runtime: { kind: "cri-o", version: "1.36" } });
  // @ts-expect-error an image can name a profile: that it has no annotations is said, not assumed
  resolveSeccomp({ pod, container, runtime: { kind: "cri-o" } });
  // @ts-expect-error runtimes decide differently
  resolveSeccomp({ pod, container, imageAnnotations: {} });
  // @ts-expect-error a setting of the other runtime
  const runtime: ContainerdSeccompNode = { kind: "containerd", allowedAnnotations: [] };
  resolveSeccomp({ pod, container, imageAnnotations: {}, runtime });

  const artifacts: ArtifactSource = createArtifactSource(source);
  const { profile } = await fetchProfileArtifact("a.example/p:1", { source: artifacts });
  // @ts-expect-error where artifacts come from is always said
  await fetchProfileArtifact("a.example/p:1");
  // @ts-expect-error bytes are no profile before they are parsed
  toRuntimeSpec(profile, { arch: "amd64", capabilities: null });
  // @ts-expect-error capabilities decide which rules stay: null for none that are known
  toRuntimeSpec(parseProfile(profile), { arch: "amd64" });
  const converted: LinuxSeccomp | null = toRuntimeSpec(parseProfile(profile), {
    arch: "amd64",
    capabilities: ["CAP_SYS_ADMIN"],
    kernel: "6.1",
  });
  const { decide, evaluate } = createEvaluator(converted, {
    native: "x86_64",
    runtime: "runc",
    runcVersion: "1.1.5",
  });
  const verdict: SyscallVerdict = decide({ arch: "x86_64", nr: 56, args: [0n, 1] });
  // @ts-expect-error a verdict is the same object for every call that it is about
  verdict.action = "SCMP_ACT_ALLOW";
  // @ts-expect-error a verdict has no reasons
  verdict.considered;
  evaluate({ arch: "x86_64", name: "clone" }).considered;
  // @ts-expect-error only runc has releases that matter
  createEvaluator(converted, { native: "x86_64", crunVersion: "1.8.1" });

  // @ts-expect-error a profile can convert to no filter at all
  converted.defaultAction;

  await pushProfileArtifact(store, await readProfile(profile), { tag: "v1" });
  await pushProfileArtifact(store, profile, { unchecked: true });
  // @ts-expect-error what nobody read strictly is pushed only where it is said
  await pushProfileArtifact(store, profile, { tag: "v1" });
  // @ts-expect-error an engine's reading is no strict one
  await pushProfileArtifact(store, await readProfileAsEngine(profile, "moby"));

  evaluateSyscall(spec, { arch: "x86_64", name: "clone", args: [0n, 1] });
  evaluateSyscall(spec, { arch: "x86_64", nr: 56 });
  // @ts-expect-error by name or by number, not both
  evaluateSyscall(spec, { arch: "x86_64", nr: 56, name: "clone" });
  // @ts-expect-error numbers mean nothing without an architecture
  evaluateSyscall(spec, { nr: 56 });
  // @ts-expect-error arguments are numbers
  evaluateSyscall(spec, { arch: "x86_64", nr: 56, args: ["0"] });
  return converted;
}
