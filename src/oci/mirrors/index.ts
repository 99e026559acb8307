/**
 * Mirrors: where images are pulled from, by the configuration of containerd or of Podman and CRI-O.
 *
 * @module
 */

export {
  type CertificateReaderOptions,
  certificateReader,
  type ReadCertificate,
} from "./attempt-endpoint.ts";
export type { AttemptFailure } from "./attempt-failures.ts";
export * from "./certificate-files.ts";
export * from "./config-files.ts";
export * from "./config-paths.ts";
export * from "./cri-registry.ts";
export * from "./default-host.ts";
export * from "./host-url.ts";
export * from "./hosts-toml.ts";
export * from "./load-credentials.ts";
export * from "./load-hosts.ts";
export * from "./load-registries.ts";
export * from "./mirrored.ts";
export * from "./pull-sources.ts";
export * from "./registries.ts";
export * from "./registries-conf.ts";
export * from "./registry-prefix.ts";
export * from "./short-name-alias.ts";
export * from "./short-names.ts";
