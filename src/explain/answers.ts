/**
 * What a node is asked about a Pod. Everything that an explanation learns of a node comes through here, so that it can
 * be recorded and played back.
 *
 * @module
 */
import type { Reference } from "../core/reference.ts";
import type { SignalOptions } from "../core/signal.ts";
import type { ReadCertificate } from "../oci/mirrors/attempt-endpoint.ts";
import type { PullSources } from "../oci/mirrors/pull-sources.ts";
import type { SignatureSource } from "../policy/sources/signature-source.ts";
import type { Policy } from "../policy/types.ts";
import type { KubeletSeccomp } from "../seccomp/pod.ts";
import type { ContainerdSeccompNode } from "../seccomp/resolve-containerd.ts";
import type { CrioSeccompNode } from "../seccomp/resolve-crio.ts";
import type { PodSubject } from "./pod.ts";
import type { Fails, Step, Undecided } from "./trace.ts";

/** A node, as an explanation asks it. What a function rejects with is an error of lading, or a mistake. */
export interface NodeAnswers {
  readonly runtime: "cri-o" | "containerd";
  /** Whose rules are followed. */
  readonly version: string;
  /** Which handler runs a Pod. */
  handler(pod: PodSubject, options: SignalOptions): Promise<HandlerAnswer>;
  /** What a name may mean, in order. */
  names(image: string, options: SignalOptions): Promise<NameAnswer>;
  /** Where a reference is pulled from. */
  sources(reference: Reference, options: SignalOptions): Promise<PullSources>;
  /** Where credentials for a place are looked for; no step holds a secret. */
  credentials(place: CredentialsPlace, pod: PodSubject, options: SignalOptions): Promise<CredentialsAnswer>;
  /** Certificates and keys that places to pull from name. */
  readonly certificates: ReadCertificate;
  /** The policy for pods of a namespace; of the node as a whole for an empty one. */
  policy(namespace: string, options: SignalOptions): Promise<PolicyAnswer>;
  /** The places of signatures, in order. */
  readonly signatureSources: readonly SignatureSource[];
  /** What there is for encrypted layers. */
  decryption(options: SignalOptions): Promise<DecryptionAnswer>;
  /** What decides about seccomp for containers of a handler. */
  seccomp(handler: string, options: SignalOptions): Promise<SeccompAnswer>;
  /** What a file holds that a policy or a profile names; undefined if it does not exist. */
  file(path: string, options: SignalOptions): Promise<Uint8Array | undefined>;
  /** Whether CRI-O pulls in a process of its own, which gives no more than a text back. */
  readonly separatePulls: boolean;
  /** What the node's files do not tell exactly. */
  readonly doubts: readonly string[];
  /** Gates of the kubelet that are set. */
  readonly featureGates: ReadonlyMap<string, boolean>;
  /** Releases what answering took. */
  close(): Promise<void>;
}

/** A place that may be asked for an image, by everything that credentials are found by. */
export interface CredentialsPlace {
  /** The image as the Pod has it. */
  readonly image: string;
  /** Full name of the candidate that is pulled. */
  readonly candidate: string;
  /** Full name at the place, beginning with the host whose credentials count there. */
  readonly repository: string;
}

/** Where credentials were looked for. */
export interface CredentialsAnswer {
  readonly steps: readonly Step[];
  /** Why the runtime cannot read its credentials, which fails a pull from the place. */
  readonly failure?: string;
}

/** The handler of a Pod. */
export type HandlerAnswer =
  | {
      readonly kind: "handler";
      readonly name: string;
      /** Whether no handler is asked for by name, which is how the kubelet looks for what it can do. */
      readonly isDefault: boolean;
      readonly steps: readonly Step[];
    }
  /** The Pod gets no sandbox. */
  | { readonly kind: "none"; readonly message: string; readonly steps: readonly Step[] }
  /** What the Pod names is not in the node's files, and was not given. */
  | { readonly kind: "unknown"; readonly message: string; readonly steps: readonly Step[] };

/** What a name may mean. */
export interface NameAnswer {
  readonly by: string;
  readonly origin?: string;
  readonly candidates: readonly Reference[];
}

/** The policy that decides. */
export type PolicyAnswer =
  | {
      readonly kind: "policy";
      readonly file: string;
      readonly policy: Policy;
      /** Whether images are checked again when a container is created. */
      readonly checkedAtCreate: boolean;
      readonly steps: readonly Step[];
    }
  /** Nothing is checked. */
  | { readonly kind: "none"; readonly why: string }
  /** By programs of the node, which nobody asks here. */
  | { readonly kind: "programs"; readonly why: string };

/** What a node has for encrypted layers. */
export interface DecryptionAnswer {
  readonly steps: readonly Step[];
  /** In order: the first that accepts a layer's media type decides. */
  readonly means: readonly DecryptionMeans[];
  /** What keeps the node, or may keep it, from pulling any image at all. */
  readonly everyPull?: Fails | Undecided;
}

/** Something that may open encrypted layers. */
export interface DecryptionMeans {
  readonly name: string;
  /** Media types of encrypted layers. */
  readonly accepts: "all" | readonly string[];
  /** `private`: RSA or of an elliptic curve, and none of another kind. `unknown`: whatever it has is not known. */
  readonly keys: "private" | "none" | "unknown";
  /** Why it opens nothing. */
  readonly refuses?: string;
}

/** What decides about seccomp. */
export interface SeccompAnswer {
  readonly runtime: CrioSeccompNode | ContainerdSeccompNode;
  readonly kubelet: KubeletSeccomp;
  /** What containers have that ask for nothing, such as `CAP_CHOWN`. */
  readonly defaultCapabilities: readonly string[];
}
