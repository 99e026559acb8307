/** Stories 7 to 9: which seccomp profile a container gets, and what that does. */
import { formatReference, parseReference } from "lading";
import { createArtifactSource, fetchManifest } from "lading/oci";
import { createVerifier, parsePolicy, sigstoreAttachments } from "lading/policy";
import {
  type CrioSeccompNode,
  evaluateSyscall,
  fetchProfileArtifact,
  formatSeccomp,
  type LinuxSeccomp,
  parseProfile,
  resolveSeccomp,
  type SeccompChoice,
  type SeccompPod,
  toRuntimeSpec,
} from "lading/seccomp";
import { ARCHITECTURE, CALLS, type Cast, SIGNER } from "./cast.ts";
import { block, expect, say, title } from "./print.ts";

/** The capabilities that CRI-O gives a container unless told otherwise. */
const CAPABILITIES = "CHOWN DAC_OVERRIDE FSETID FOWNER SETGID SETUID SETPCAP NET_BIND_SERVICE KILL"
  .split(" ")
  .map((name) => `CAP_${name}`);

/** A CRI-O node that lets Pods and images name profiles. */
const NODE: CrioSeccompNode = {
  kind: "cri-o",
  version: "1.36",
  allowedAnnotations: ["seccomp-profile.crio.io"],
};

/** From annotations to the filter that the container runs under. */
export async function seccompStories(cast: Cast): Promise<LinuxSeccomp> {
  title("7. Which seccomp profile does the container get?");
  const image = await fetchManifest(cast.registry.repository(cast.app), cast.signed);
  const imageAnnotations = image.value.annotations ?? {};
  const resolve = (annotations: Record<string, string>, spec: SeccompPod["spec"] = {}): SeccompChoice =>
    resolveSeccomp({
      pod: { metadata: { annotations }, spec },
      container: { name: "app" },
      imageAnnotations,
      runtime: NODE,
    });
  const key = "seccomp-profile.crio.io";
  const pod = { [`${key}/POD`]: `${cast.profile}:pod` };
  const container = { ...pod, [`${key}/app`]: `${cast.profile}:container` };
  const stories: [label: string, choice: SeccompChoice, expected: string][] = [
    ["image", resolve({}), `${cast.profile}:image`],
    ["Pod", resolve(pod), `${cast.profile}:pod`],
    ["container", resolve(container), `${cast.profile}:container`],
  ];
  for (const [label, choice, expected] of stories) {
    expect(choice.kind === "artifact" && choice.reference === expected, `the ${label} annotation decides`);
    say(label, `${choice.key} → ${choice.reference}`);
  }
  const own = resolve(container, { securityContext: { seccompProfile: { type: "RuntimeDefault" } } });
  expect(own.kind === "runtime-default", "a Pod with its own securityContext is not overridden");
  const ignored = own.trace.find(
    (candidate) => candidate.kind === "annotation" && candidate.slot === "pod-container",
  );
  say("own field", `${own.kind}; the annotation is ${ignored?.outcome}: ${ignored?.reason}`);

  title("8. The profile, pulled under the same policy and converted for this node");
  const verifier = createVerifier(parsePolicy(cast.policyFor(SIGNER)), {
    source: cast.registry,
    signatureSources: [sigstoreAttachments()],
  });
  const artifact = await fetchProfileArtifact(`${cast.profile}:image`, {
    version: NODE.version,
    source: createArtifactSource(cast.registry),
    async check({ reference, manifest }, { signal }) {
      const { tag: _, ...name } = reference;
      const pinned = parseReference(formatReference({ ...name, digest: manifest.digest }));
      const verdict = await verifier.evaluate(pinned, { signal });
      if (verdict.kind !== "allowed") throw new Error(verdict.message);
      say("signature", `${verdict.kind}, ${verdict.digest}`);
    },
  });
  const spec = toRuntimeSpec(parseProfile(artifact.profile), {
    arch: ARCHITECTURE,
    capabilities: CAPABILITIES,
  });
  expect(spec !== null, "the profile is a filter");
  say("linux.seccomp", "as crictl inspect shows it:");
  const lines = formatSeccomp(spec, { indent: 2 }).split("\n");
  block([...lines.slice(0, 16), `… ${lines.length - 16} more lines`]);

  title("9. What it does to three system calls");
  for (const { name, args } of CALLS) {
    const { action, errno, kind, rule } = evaluateSyscall(spec, { arch: ARCHITECTURE, name, args });
    const outcome = errno === undefined ? action : `${action}, errno ${errno}`;
    const because = kind === "rule" ? `rule ${rule}` : kind;
    say(name, `(${args.join(", ")}) → ${outcome}, by ${because}`);
  }
  return spec;
}
