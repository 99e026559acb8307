/**
 * What the daemons of a node pass over in its files.
 *
 * @module
 */
import type { ContainerdConfigWarning } from "./containerd/warnings.ts";
import type { CrioWarning } from "./crio/types.ts";
import type { KubeletWarning } from "./kubelet/types.ts";
import type { Origin } from "./origin.ts";
import type { StorageWarning } from "./storage/parse.ts";

/** Something of `hosts.toml` or `registries.conf` that its reader passes over. */
export type MirrorWarning =
  /** A file that containerd logs an error of and passes over: only certificates next to it count. */
  | { readonly code: "broken-file"; readonly origin: Origin; readonly reason: string }
  /** A key that means nothing where it stands. */
  | { readonly code: "unknown-key"; readonly key: string; readonly origin: Origin };

/** Something of a file of registries.d that has no effect. */
export interface SignaturesWarning {
  /** `ignored-document`: only the first document of a file counts. */
  readonly code: "unknown-key" | "ignored-document";
  /** As `docker."quay.io".lookasid`; empty for a document. */
  readonly key: string;
  readonly origin: Origin;
}

/** Something about the daemons of a node together. */
export type NodeAgreementWarning =
  /** The files of another runtime, which the kubelet does not use. */
  | { readonly code: "other-runtime"; readonly runtime: "cri-o" | "containerd"; readonly file: string }
  /** The kubelet's endpoint is not the socket of the runtime that was read. */
  | {
      readonly code: "other-socket";
      readonly endpoint: string;
      readonly socket: string;
      readonly origin?: Origin;
    }
  /** The kubelet makes cgroups by another driver than the runtime's default handler. */
  | {
      readonly code: "cgroup-driver";
      readonly kubelet: string;
      readonly runtime: string;
      /** Where the kubelet's is set, and where the runtime's is; absent for defaults. */
      readonly origin?: Origin;
      readonly runtimeOrigin?: Origin;
    }
  /** A part of a daemon's unit that files do not tell, or a flag that is not known here: it does not count. */
  | {
      readonly code: "not-exact";
      readonly service: string;
      readonly reason: string;
      readonly origin?: Origin;
    }
  /**
   * Something that daemons look for, behind a link to nowhere: they pass over it, and a copy of a part of a node's files
   * may lack what is there on the node.
   */
  | { readonly code: "dangling-link"; readonly path: string }
  /** Programs that containerd asks about each image: whatever they refuse is not pulled, which no file tells. */
  | { readonly code: "image-verifiers"; readonly folder: string; readonly programs: readonly string[] };

/** Something in a node's files that its daemons pass over silently, and that their author hardly meant. */
export type NodeWarning =
  | ({ readonly source: "cri-o" } & CrioWarning)
  | ({ readonly source: "containerd" } & ContainerdConfigWarning)
  | ({ readonly source: "kubelet" } & KubeletWarning)
  | ({ readonly source: "hosts.toml" } & MirrorWarning)
  | ({ readonly source: "registries.conf" } & MirrorWarning)
  | ({ readonly source: "registries.d" } & SignaturesWarning)
  | ({ readonly source: "storage.conf" } & StorageWarning)
  | ({ readonly source: "node" } & NodeAgreementWarning);
