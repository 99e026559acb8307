/**
 * Which profile a container gets, and how that was decided.
 *
 * @module
 */

/** The seccomp profile that a kubelet asks a runtime for (`SecurityProfile` of the CRI). */
export interface SeccompRequest {
  type: "RuntimeDefault" | "Unconfined" | "Localhost";
  /** Absolute path of the profile, for `Localhost`. */
  localhostRef?: string | undefined;
}

/**
 * Where an annotation that names a profile can stand, in CRI-O's order.
 *
 * `pod-container` and `image-container` are keys ending in the container's name, `pod` and `image-pod` keys
 * ending in `POD`, `image` is the plain key.
 */
export type AnnotationSlot = "pod-container" | "pod" | "image" | "image-container" | "image-pod";

/** One thing that could have decided, in the order in which the node looks. */
export type SeccompCandidate =
  | {
      kind: "annotation";
      slot: AnnotationSlot;
      key: string;
      /** Absent where there is no such annotation. */
      value?: string;
      /** Who set it. Absent where there is no such annotation. */
      origin?: "pod" | "image" | "runtime-handler";
      outcome:
        | "chosen"
        /** There, without a value: ends the search and means "no artifact". */
        | "empty"
        | "absent"
        /** Removed, since the node does not allow it. */
        | "not-allowed"
        /** An earlier annotation ended the search. */
        | "outranked"
        /** Annotations do not count here at all; see `reason`. */
        | "not-evaluated";
      reason: string;
    }
  | {
      kind: "field";
      /** `container` and `pod`: `securityContext.seccompProfile`; `kubelet`: what is sent when both are absent. */
      source: "container" | "pod" | "kubelet";
      /** The `type` of the profile; absent where the field is. */
      value?: string;
      outcome: "chosen" | "absent" | "outranked";
      reason: string;
    }
  | {
      kind: "node";
      /** The setting of the node that was looked at. */
      setting:
        | "seccomp-support"
        | "privileged"
        | "privileged_seccomp_profile"
        | "request"
        | "seccomp_profile_path"
        | "unset_seccomp_profile";
      value?: string;
      outcome: "chosen" | "passed" | "not-evaluated";
      reason: string;
    };

/** What is told of a choice, whatever was chosen. */
export interface SeccompChoiceTrace {
  /** Whose choice this is. */
  runtime: "cri-o" | "containerd";
  /** What CRI-O records as the profile of the container; `null` for runtimes that record none. */
  recordedRef: string | null;
  /** Everything that was, or would have been, looked at, in order. */
  trace: SeccompCandidate[];
}

/** The profile a container gets. */
export type SeccompChoice =
  /** No filter: the container may make every system call. */
  | ({
      kind: "none";
      reason: "seccomp-disabled" | "privileged" | "not-requested" | "unconfined";
    } & SeccompChoiceTrace)
  /** The runtime's own profile: the file that its configuration names, or the one built in. */
  | ({
      kind: "runtime-default";
      profile:
        | {
            kind: "file";
            path: string;
            /** Whose `seccomp_profile` names it. */
            of: "node" | "runtime-handler";
          }
        /** That of `runtime`; see `defaultSeccomp`. */
        | { kind: "built-in" };
    } & SeccompChoiceTrace)
  /** A file on the node. */
  | ({ kind: "localhost"; path: string; from: "request" | "privileged_seccomp_profile" } & SeccompChoiceTrace)
  /** An artifact, pulled when the container is created; failing to pull it fails the container. */
  | ({ kind: "artifact"; reference: string; key: string; slot: AnnotationSlot } & SeccompChoiceTrace)
  /**
   * The node takes one of several workloads at random, and the result depends on which. Nothing may be
   * concluded from one alternative.
   */
  | { kind: "ambiguous"; alternatives: Exclude<SeccompChoice, { kind: "ambiguous" }>[] };

/** A choice that is not ambiguous. */
export type DefiniteSeccompChoice = Exclude<SeccompChoice, { kind: "ambiguous" }>;
