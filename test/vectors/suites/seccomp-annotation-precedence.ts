import type { AnnotationSlot, SeccompChoice, SeccompRequest } from "../../../src/seccomp/choice.ts";
import { SeccompError } from "../../../src/seccomp/errors.ts";
import { resolveCrioSeccomp } from "../../../src/seccomp/resolve-crio.ts";
import { stringMap, strings } from "../seccomp-input.ts";
import type { VectorFields, VectorSuite } from "../suite.ts";

const VIA: Record<AnnotationSlot, string> = {
  "pod-container": "pod annotation for the container",
  pod: "pod annotation for the pod",
  image: "image annotation",
  "image-container": "image annotation for the container",
  "image-pod": "image annotation for the pod",
};

const suite: VectorSuite = {
  run({ input }) {
    try {
      return outcome(resolve(input));
    } catch (error) {
      if (error instanceof SeccompError) return { error: error.message };
      throw error;
    }
  },
};
export default suite;

function resolve(input: VectorFields): SeccompChoice {
  const { privilegedProfile, handlerProfile } = input;
  const workloads = Array.isArray(input["workloads"]) ? input["workloads"] : [];
  return resolveCrioSeccomp(
    {
      request: (input["profile"] ?? null) as SeccompRequest | null,
      privileged: input["privileged"] === true,
      containerName: String(input["container"]),
      podAnnotations: stringMap(input["podAnnotations"]),
      imageAnnotations: stringMap(input["imageAnnotations"]),
    },
    {
      kind: "cri-o",
      seccompEnabled: input["seccompDisabledOnNode"] !== true,
      privilegedSeccompProfile: typeof privilegedProfile === "string" ? privilegedProfile : undefined,
      handlerSeccompProfile: typeof handlerProfile === "string" ? handlerProfile : undefined,
      allowedAnnotations: strings(input["runtimeAllowed"]),
      defaultAnnotations: stringMap(input["runtimeDefaultAnnotations"]),
      workloads: workloads.map((workload) => {
        const { activation, allowed } = workload as VectorFields;
        return { activationAnnotation: String(activation), allowedAnnotations: strings(allowed) };
      }),
    },
  );
}

function outcome(choice: SeccompChoice): unknown {
  if (choice.kind === "ambiguous") return { source: "ambiguous" };
  const { recordedRef } = choice;
  switch (choice.kind) {
    case "none":
      return { source: "none", seccomp: null, recordedRef };
    case "runtime-default":
      return { source: "node-default", recordedRef };
    case "localhost":
      return { source: "localhost", path: choice.path, recordedRef };
    case "artifact":
      return {
        source: "oci-artifact",
        via: VIA[choice.slot],
        key: choice.key,
        ref: choice.reference,
        recordedRef,
      };
  }
}
