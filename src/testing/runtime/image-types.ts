/**
 * Images as the in-process runtime knows them.
 *
 * @module
 */

/** An image that can be pulled, or is there. */
export interface KnownImage {
  /** A name with or without a tag, such as `docker.io/library/busybox:1.36`; short names are those of Docker Hub. */
  name: string;
  /** Digest of the manifest. Default: made from the name. Images with one digest are one image with several names. */
  digest?: string | undefined;
  /** Digest of the configuration, which is the image's id. Default: made from the digest. */
  id?: string | undefined;
  /** Bytes. Default 1 MiB (1048576). */
  size?: bigint | undefined;
  /** Whether it is there from the start, without a pull. Default yes. */
  pulled?: boolean | undefined;
  /** Whether it is kept from being pruned. Default no. */
  pinned?: boolean | undefined;
  entrypoint?: readonly string[] | undefined;
  cmd?: readonly string[] | undefined;
  /** As `NAME=VALUE`. */
  env?: readonly string[] | undefined;
  workingDir?: string | undefined;
  /** As in an image configuration: a user id or a name. */
  user?: string | undefined;
  labels?: Readonly<Record<string, string>> | undefined;
  /** Such as `"SIGINT"`. Default `"SIGTERM"`. */
  stopSignal?: string | undefined;
  /** Passwords by user name; a pull without one of them is denied. Default: everybody may pull. */
  users?: Readonly<Record<string, string>> | undefined;
  /** Makes every pull fail with this text, such as `RegistryUnavailable: connection refused`, and status UNKNOWN. */
  pullError?: string | undefined;
  /** How long a pull takes, in milliseconds. Default 0. */
  pullMs?: number | undefined;
}

/** What the in-process runtime knows from the start, unless it is told otherwise: a busybox and a pinned pause. */
export function defaultImages(): KnownImage[] {
  return [
    { name: "docker.io/library/busybox:latest", cmd: ["sh"], env: ["PATH=/bin"], size: 4_269_678n },
    { name: "registry.k8s.io/pause:3.10", entrypoint: ["/pause"], pinned: true, user: "65535:65535" },
  ];
}
