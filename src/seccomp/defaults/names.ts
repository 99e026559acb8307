/**
 * The profiles that are built into programs.
 *
 * @module
 */

/** A built-in profile, by who has it. */
export type DefaultProfileName =
  /** Podman and Buildah. */
  | "containers-common"
  /** CRI-O, where the node names no file: that of containers-common, stricter about new namespaces. */
  | "cri-o"
  /** Docker. */
  | "moby"
  /** containerd, which makes it for each container. */
  | "containerd";
