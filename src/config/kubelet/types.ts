/**
 * What a kubelet runs with, as far as it decides about Pods.
 *
 * @see {@link https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/}
 * @module
 */
import type { Sourced } from "../containerd/tree.ts";
import type { Origin } from "../origin.ts";

/** A value of a kubelet; without place and flag it is the kubelet's own. */
export interface KubeletSetting<T> extends Sourced<T> {
  /** The flag that set it, without dashes, such as `root-dir`; absent where a configuration file did. */
  readonly flag?: string;
}

/** Something that a kubelet passes over, and that its author hardly meant; or that files cannot tell. */
export type KubeletWarning =
  /** A key that means nothing to the kubelet. */
  | { readonly code: "unknown-key"; readonly key: string; readonly origin: Origin; readonly hint?: string }
  /** A key of the main file that stands twice in its mapping: the last one counts. */
  | { readonly code: "duplicate-key"; readonly key: string; readonly origin: Origin }
  /** A key of a drop-in that is spelled in other letter case, and counts: in the main file it would not. */
  | { readonly code: "other-case"; readonly key: string; readonly origin: Origin }
  /** A document behind the first one of a file. */
  | { readonly code: "ignored-document"; readonly origin: Origin }
  /** A value of a file that a flag replaces. */
  | {
      readonly code: "flag-wins";
      readonly key: string;
      readonly flag: string;
      /** Where the value is that does not count. */
      readonly origin: Origin;
    }
  /** A file or folder that looks like a drop-in and is not read. */
  | { readonly code: "not-read"; readonly file: string; readonly reason: string }
  /** Something that cannot be told from files, such as what a shell makes of a command. */
  | { readonly code: "not-exact"; readonly reason: string; readonly origin?: Origin };

/** The configuration in effect. */
export interface KubeletConfig {
  /** Release whose rules were followed, such as `1.36`. */
  readonly release: string;
  /** Files that were read, in the order in which they apply: units, files of variables, configuration files. */
  readonly files: readonly string[];
  /** The file that `--config` names; absent where none is. */
  readonly configFile?: KubeletSetting<string>;
  /** The folder that `--config-dir` names; absent where none is. */
  readonly configDir?: KubeletSetting<string>;
  /** `--root-dir`; `/var/lib/kubelet`. */
  readonly rootDir: KubeletSetting<string>;
  /** Folder of Localhost seccomp profiles: `seccomp` in {@link rootDir}, whose place it has. */
  readonly seccompRoot: KubeletSetting<string>;
  /**
   * Whether RuntimeDefault is asked for where a Pod says nothing. It is as soon as the flag or a file says so: a flag
   * that says false undoes no file.
   */
  readonly seccompDefault: KubeletSetting<boolean>;
  /** `cgroupfs` or `systemd`; a runtime that tells its own wins where the kubelet asks it. */
  readonly cgroupDriver: KubeletSetting<string>;
  readonly cgroupRoot: KubeletSetting<string>;
  /** Such as `unix:///run/containerd/containerd.sock`, not parsed. */
  readonly containerRuntimeEndpoint: KubeletSetting<string>;
  /** The runtime's endpoint where nothing else is set. */
  readonly imageServiceEndpoint: KubeletSetting<string>;
  /** Empty where the cluster gives it. */
  readonly podCIDR: KubeletSetting<string>;
  readonly maxPods: KubeletSetting<number>;
  /** -1: the runtime's. */
  readonly podPidsLimit: KubeletSetting<bigint>;
  /** Sysctls that Pods may set though they are not safe, patterns that end in `*` among them. */
  readonly allowedUnsafeSysctls: readonly KubeletSetting<string>[];
  /** Gates that are set, by name; a gate that is not here has the default of its release. */
  readonly featureGates: ReadonlyMap<string, KubeletSetting<boolean>>;
  /**
   * `NeverVerify`, `NeverVerifyPreloadedImages`, `NeverVerifyAllowlistedImages` or `AlwaysVerify`; empty where the gate
   * `KubeletEnsureSecretPulledImages` is off, as it is before 1.35 unless it is set: then nothing is verified.
   */
  readonly imagePullCredentialsVerificationPolicy: KubeletSetting<string>;
  /** Images that `NeverVerifyAllowlistedImages` does not verify. */
  readonly preloadedImagesVerificationAllowlist: readonly KubeletSetting<string>[];
  /** `--image-credential-provider-config`; empty for none. */
  readonly imageCredentialProviderConfig: KubeletSetting<string>;
  /** `--image-credential-provider-bin-dir`; empty for none. */
  readonly imageCredentialProviderBinDir: KubeletSetting<string>;
  /** Pulls in a second; 0 or less: no limit. */
  readonly registryPullQPS: KubeletSetting<number>;
  readonly registryBurst: KubeletSetting<number>;
  readonly serializeImagePulls: KubeletSetting<boolean>;
  /** Pulls at once; undefined: no limit. Meaningless while pulls are one after the other. */
  readonly maxParallelImagePulls: KubeletSetting<number | undefined>;
  /** Folder or file of Pods that no API server knows; empty for none. */
  readonly staticPodPath: KubeletSetting<string>;
  readonly staticPodURL: KubeletSetting<string>;
  readonly resolvConf: KubeletSetting<string>;
  readonly clusterDomain: KubeletSetting<string>;
  readonly clusterDNS: readonly KubeletSetting<string>[];
  /** User ids that each Pod with a user namespace gets. */
  readonly userNamespacesIdsPerPod: KubeletSetting<bigint>;
  /** `--hostname-override`; empty for none. */
  readonly hostnameOverride: KubeletSetting<string>;
  readonly warnings: readonly KubeletWarning[];
}
