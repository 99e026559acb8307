/**
 * Values that containerd refuses to start with.
 *
 * @module
 */
import { parseDuration } from "../../oci/mirrors/duration.ts";
import { ConfigError } from "../errors.ts";
import type { Origin } from "../origin.ts";
import { CRI_IMAGES, CRI_RUNTIME, CRI_SERVICE } from "./keys.ts";
import type { ContainerdRules } from "./release.ts";
import { type ConfigTable, flagAt, keyName, type Sourced, tableAt, textAt } from "./tree.ts";

/** A value that the daemon refuses, in its own words. */
export function refused(message: string, path: readonly string[], origin: Origin | undefined): ConfigError {
  return new ConfigError("ERR_CONFIG_INVALID", message, { key: keyName(path), origin });
}

/**
 * Names in the lists of plugins.
 *
 * @throws {ConfigError} `ERR_CONFIG_INVALID` for a name that is not full.
 */
export function assertPluginNames(
  lists: { disabledPlugins: readonly Sourced<string>[]; requiredPlugins: readonly Sourced<string>[] },
  files: readonly { version: number }[],
  { migration }: ContainerdRules,
): void {
  const isOld = migration === "none";
  if (isOld && files.every(({ version }) => version < 2)) return;
  const isFull = (name: string): boolean =>
    isOld ? name.startsWith("io.containerd.") && name.split(".").length >= 4 : name.includes(".");
  const kinds = [
    ["disabled", "disabled_plugins", lists.disabledPlugins],
    ["required", "required_plugins", lists.requiredPlugins],
  ] as const;
  for (const [word, key, names] of kinds) {
    const bad = names.find(({ value }) => !isFull(value));
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
