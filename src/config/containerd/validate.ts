/**
 * Values that containerd refuses to start with.
 *
 * @module
 */
import { parseDuration } from "../../oci/mirrors/duration.ts";
import { ConfigError } from "../errors.ts";
import type { Origin } from "../origin.ts";
import { CRI_IMAGES, CRI_RUNTIME, CRI_SERVICE } from "./keys.ts";
import { type ConfigTable, flagAt, keyName, tableAt, textAt, textsAt } from "./tree.ts";

/** A value that the daemon refuses, in its own words. */
export function refused(message: string, path: readonly string[], origin: Origin | undefined): ConfigError {
  return new ConfigError("ERR_CONFIG_INVALID", message, { key: keyName(path), origin });
}

/**
 * Names of plugins by 1.x, in lists and of tables, where the files together are of version 2.
 *
 * @throws {ConfigError} `ERR_CONFIG_INVALID` for a name that is not full.
 */
export function assertFullNames(tree: ConfigTable): void {
  const isFull = (name: string): boolean => name.startsWith("io.containerd.") && name.split(".").length >= 4;
  assertListed(tree, isFull);
  for (const [name, { origin }] of tableAt(tree, "plugins").entries) {
    if (isFull(name)) continue;
    const message = `invalid plugin key URI ${JSON.stringify(name)} expect io.containerd.x.vx`;
    throw refused(message, ["plugins", name], origin);
  }
}

/**
 * Names of plugins in lists, by 2.x.
 *
 * @throws {ConfigError} `ERR_CONFIG_INVALID` for a name without dot.
 */
export function assertDottedNames(tree: ConfigTable): void {
  assertListed(tree, (name) => name.includes("."));
}

function assertListed(tree: ConfigTable, isRight: (name: string) => boolean): void {
  for (const word of ["disabled", "required"]) {
    const key = `${word}_plugins`;
    const bad = (textsAt(tree, key) ?? []).find(({ value }) => !isRight(value));
    if (!bad) continue;
    const message = `invalid ${word} plugin URI ${JSON.stringify(bad.value)} expect io.containerd.x.vx`;
    throw refused(message, [key], bad.origin);
  }
}

/**
 * What the CRI plugins check of their own tables, besides the default runtime.
 *
 * @throws {ConfigError} `ERR_CONFIG_INVALID`, with containerd's text.
 */
export function assertCri(plugins: ConfigTable): void {
  const registry = tableAt(plugins, CRI_IMAGES, "registry");
  const mirrors = tableAt(registry, "mirrors");
  if (mirrors.entries.size > 0 && (textAt(registry, "config_path")?.value ?? "") !== "") {
    const path = ["plugins", CRI_IMAGES, "registry", "mirrors"];
    throw refused("`mirrors` cannot be set when `config_path` is provided", path, mirrors.origin);
  }
  for (const [prefix, ...path] of [
    ["invalid image pull progress timeout", CRI_IMAGES, "image_pull_progress_timeout"],
    ["invalid `drain_exec_sync_io_timeout`", CRI_RUNTIME, "drain_exec_sync_io_timeout"],
    ["invalid stream idle timeout", CRI_SERVICE, "stream_idle_timeout"],
  ] as const) {
    const { value, origin } = textAt(plugins, ...path) ?? { value: "" };
    if (value === "" || parseDuration(value) !== undefined) continue;
    throw refused(`${prefix}: time: invalid duration ${JSON.stringify(value)}`, ["plugins", ...path], origin);
  }
}

/**
 * What the CRI checks of each runtime.
 *
 * @throws {ConfigError} `ERR_CONFIG_INVALID`, with containerd's text.
 */
export function assertRuntime(runtime: ConfigTable, path: readonly string[]): void {
  const withoutDevices = flagAt(runtime, "privileged_without_host_devices");
  const allAllowed = flagAt(runtime, "privileged_without_host_devices_all_devices_allowed");
  if (allAllowed?.value && !withoutDevices?.value) {
    const message =
      "`privileged_without_host_devices_all_devices_allowed` requires `privileged_without_host_devices` to be enabled";
    throw refused(message, path, allAllowed.origin);
  }
  const type = textAt(runtime, "io_type");
  if (type && !["", "fifo", "streaming"].includes(type.value)) {
    throw refused("`io_type` can only be `streaming` or `named_pipe`", [...path, "io_type"], type.origin);
  }
}
