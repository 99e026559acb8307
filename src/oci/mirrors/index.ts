/**
 * Mirrors: where images are pulled from, by the configuration of containerd or of Podman and CRI-O.
 *
 * @module
 */
export * from "./certificate-files.ts";
export * from "./default-host.ts";
export * from "./host-url.ts";
export * from "./hosts-toml.ts";
export * from "./registries.ts";
export * from "./registries-conf.ts";
export * from "./registry-prefix.ts";
export * from "./short-name-alias.ts";
export * from "./short-names.ts";
