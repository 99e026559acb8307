/**
 * The trace of a node's decisions about a Pod: plain data, the same for the same input.
 *
 * @module
 */
import type { LookedAt, SignatureAccepted, SignatureRejected } from "../policy/verdict.ts";
import type { SeccompCandidate } from "../seccomp/choice.ts";
import type { FeatureRequest } from "./pod.ts";
import type { PodImage, PullPolicy } from "./pod-images.ts";

/** Name and version of the form that a trace has; a form that readers of this one cannot read has another. */
export const EXPLANATION_SCHEMA = "lading.explain/v1";

/**
 * How a step ends.
 *
 * `fails` is what the node would do. `undecided` is that nobody can say: something could not be asked or read, or is
 * not known. It is never a way of saying that the step succeeds.
 */
export type Outcome = Runs | Fails | Undecided;

/** The step succeeds. */
export interface Runs {
  readonly kind: "runs";
}

/** The step fails on the node. */
export interface Fails {
  readonly kind: "fails";
  readonly reason: FailureReason;
  /** What the runtime or the kubelet answers. */
  readonly message: string;
}

/** The outcome could not be found out. */
export interface Undecided {
  readonly kind: "undecided";
  /** Code of the error that stood in the way, such as `ERR_OCI_NETWORK`. */
  readonly code: string;
  readonly message: string;
}

/**
 * The reason that the kubelet shows: the `waiting.reason` of a container, or that of an event for what fails before
 * there is one (`FailedCreatePodSandBox`). After a failed pull it alternates with `ImagePullBackOff`.
 */
export type FailureReason =
  | "InvalidImageName"
  | "ErrImagePull"
  | "SignatureValidationFailed"
  | "CreateContainerConfigError"
  | "CreateContainerError"
  | "FailedCreatePodSandBox";

/** What a node decides about a Pod. */
export interface PodExplanation {
  readonly schema: typeof EXPLANATION_SCHEMA;
  /**
   * The worst of all steps: `fails` before `undecided` before `runs`. `runs` is that every container starts, ephemeral
   * ones included, with the content that the registries have now; a later pull may find other content.
   */
  readonly kind: Outcome["kind"];
  /** Every step that does not succeed, failures first, each with the field of the Pod that it is about. */
  readonly problems: readonly Problem[];
  readonly pod: { readonly namespace: string; readonly name: string };
  readonly node: ExplainedNode;
  readonly handler: HandlerExplanation;
  readonly features: readonly FeatureExplanation[];
  /** One for each distinct image and pull policy, in the order in which the Pod names them. */
  readonly images: readonly ImageExplanation[];
  /** In the order in which they are started. */
  readonly containers: readonly ContainerExplanation[];
}

/** A step that does not succeed. */
export type Problem = (Fails | Undecided) & {
  /** The field of the Pod, such as `spec.containers[0].image`. */
  readonly path: string;
};

/** What decided. */
export interface ExplainedNode {
  readonly runtime: "cri-o" | "containerd";
  /** Whose rules were followed. */
  readonly version: string;
  /** The platform that images of an index are chosen for, such as `linux/amd64`. */
  readonly platform: string;
  /** The kernel release that profiles were made for. */
  readonly kernel: string;
  /**
   * What the node's files do not tell exactly, and is not part of this: `the start of crio.service
   * /etc/systemd/system/crio.service:7`, or a file behind a link to nowhere. Absent for none.
   */
  readonly doubts?: readonly string[];
}

/** The runtime handler of the Pod. */
export interface HandlerExplanation {
  readonly outcome: Outcome;
  /** Absent where there is none. */
  readonly name?: string;
  /** How it was found, in order. */
  readonly steps: readonly Step[];
}

/** One thing that was looked at. */
export interface Step {
  /** What was looked at: a field, a file, a registry. */
  readonly what: string;
  /** What came of it. */
  readonly outcome: string;
  readonly why: string;
}

/** Something that the Pod asks for and that not every handler has. */
export interface FeatureExplanation extends FeatureRequest {
  readonly outcome: Outcome;
  readonly why: string;
}

/** What becomes of an image. */
export interface ImageExplanation {
  readonly outcome: Outcome;
  /** As it is written. */
  readonly image: string;
  /** Where it is written. */
  readonly places: readonly string[];
  /** What the image is to the first of these places. */
  readonly usedAs: PodImage["kind"];
  readonly pullPolicy: PullPolicy;
  /** Whether the Pod says so, or the API server fills it in by the tag. */
  readonly pullPolicyFrom: "pod" | "tag";
  /** In full, with its tag or digest; absent where it is no reference. */
  readonly reference?: string;
  /** How the name was completed; absent where it is no reference. */
  readonly name?: NameExplanation;
  /** What is tried, in order, up to the first that is pulled. */
  readonly pulls: readonly PullExplanation[];
  /** The digest that the decision is bound to: of the single image. Absent where none was pulled. */
  readonly digest?: string;
  /** The digest of the index that it was chosen from. */
  readonly indexDigest?: string;
  /** What is checked again when a container is created; absent where that is not reached. */
  readonly create?: CreateExplanation;
}

/** How a name was completed. */
export interface NameExplanation {
  readonly by: string;
  /** The file that says so; absent where none does. */
  readonly origin?: string;
  readonly candidates: readonly string[];
}

/** What becomes of one candidate. */
export interface PullExplanation {
  readonly outcome: Outcome;
  readonly reference: string;
  readonly sources: SourcesExplanation;
  /** The place that the image is read from; absent where none answered. */
  readonly answeredBy?: string;
  /** Places that were asked before and did not answer. */
  readonly passedOver: readonly { readonly url: string; readonly code: string; readonly message: string }[];
  /** Absent where it is not reached. */
  readonly policy?: PolicyExplanation;
  /** Absent where no layer is encrypted, as far as is known, and keys for such layers keep no image from being pulled. */
  readonly decryption?: DecryptionExplanation;
}

/** How encrypted layers would be opened. */
export interface DecryptionExplanation {
  /** `runs` never stands for a layer that is opened: whether a key does so is not tried. */
  readonly outcome: Outcome;
  /** The layers that are encrypted. */
  readonly layers: readonly EncryptedLayer[];
  /** Keys and programs by name. */
  readonly steps: readonly Step[];
}

/** A layer that is encrypted. */
export interface EncryptedLayer {
  readonly digest: string;
  readonly mediaType: string;
  /** How its key is wrapped, such as `jwe`, `pgp` or `provider.NAME`. */
  readonly schemes: readonly string[];
}

/** Where an image is pulled from. */
export interface SourcesExplanation {
  readonly kind: "allowed" | "blocked" | "undecided";
  readonly steps: readonly Step[];
  /** In order. */
  readonly attempts: readonly AttemptExplanation[];
}

/** One place that may be asked. */
export interface AttemptExplanation {
  readonly kind: "mirror" | "upstream";
  /** Root of the API, without credentials and query. */
  readonly url: string;
  /** What is asked for there. */
  readonly reference: string;
  readonly why: string;
  /** Where credentials were looked for, in order. The credentials themselves are nowhere in a trace. */
  readonly credentials: readonly Step[];
}

/** What the policy says. */
export type PolicyExplanation =
  | {
      readonly kind: "none";
      /** Why nothing is checked, or which programs of the node decide. */
      readonly why: string;
    }
  | ({ readonly kind: "allowed" | "rejected" } & PolicyDecision)
  | ({ readonly kind: "undecided"; readonly code: string; readonly message: string } & PolicyFile);

/** The file that decides. */
export interface PolicyFile {
  /** Absent where none was found. */
  readonly file?: string;
  /** How the file was chosen, in order. */
  readonly steps: readonly Step[];
}

/** A decision of a policy. */
export interface PolicyDecision extends PolicyFile {
  /** The reference that was decided on. */
  readonly reference: string;
  /** `default`, or the transport and the scope. */
  readonly scope: string;
  /** Every key that was looked for, in order. */
  readonly candidates: readonly string[];
  /** Scopes that cover the image too, but less specifically. */
  readonly overridden: readonly string[];
  /** Where signatures were looked for; empty where none are needed. */
  readonly lookedAt: readonly LookedAt[];
  /** In order; after the first that is not met there are none. */
  readonly requirements: readonly RequirementExplanation[];
  /** The reference implementation's text; absent where the image is allowed. */
  readonly reason?: string;
}

/** How one requirement went. */
export interface RequirementExplanation {
  readonly type: string;
  readonly kind: "met" | "failed";
  /** Absent where it is met. */
  readonly reason?: string;
  readonly signatures: readonly SignatureExplanation[];
}

/** The fate of one signature. */
export type SignatureExplanation = AcceptedSignatureExplanation | SignatureRejected;

/** A signature that was accepted; the time of a log is a text, of seconds since 1970. */
export interface AcceptedSignatureExplanation extends Omit<SignatureAccepted, "loggedAt"> {
  readonly loggedAt?: string;
}

/** What is checked when a container is created, or an image volume is mounted. */
export interface CreateExplanation {
  readonly outcome: Outcome;
  /** Whether the image is checked again, and why. */
  readonly why: string;
  readonly policy?: PolicyExplanation;
}

/** What becomes of a container. */
export interface ContainerExplanation {
  readonly outcome: Outcome;
  readonly kind: Exclude<PodImage["kind"], "image-volume">;
  readonly name: string;
  readonly path: string;
  /** Absent where the container is not reached: its image is not there, or its Pod has no sandbox. */
  readonly seccomp?: SeccompExplanation;
}

/** Which system calls a container may make. */
export interface SeccompExplanation {
  /** `none`: every call; `ambiguous`: the node takes one of several workloads at random. */
  readonly kind: "none" | "runtime-default" | "localhost" | "artifact" | "ambiguous";
  /** Why, where it is `none`. */
  readonly reason?: string;
  /** File or reference of the profile; absent for one that is built in. */
  readonly profile?: string;
  /** Digest of the profile's bytes, where it is a file or an artifact that could be read. */
  readonly digest?: string;
  /** What the node's own policy says to a profile that is an artifact. */
  readonly policy?: PolicyExplanation;
  /** Everything that was looked at. */
  readonly steps: readonly SeccompCandidate[];
  /** Whether a filter is loaded, and whether it stops anything; absent where that is not known. */
  readonly confinement?: string;
  /** Bounding set that the profile was made for. */
  readonly capabilities: readonly string[];
  /** What becomes of the calls that were asked for, in that order. */
  readonly calls: readonly CallExplanation[];
}

/** What becomes of a call. */
export interface CallExplanation {
  readonly name: string;
  /** `depends`: on the arguments; `unknown`: no such call on this platform. */
  readonly kind: "allowed" | "blocked" | "depends" | "unknown";
  /** A sentence for each thing that can happen. */
  readonly texts: readonly string[];
}
