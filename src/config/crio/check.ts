/**
 * What CRI-O refuses or replaces when it starts with a configuration.
 *
 * Whether programs, folders of the host, devices, time zones and processors exist is not checked, since a copy of a
 * node's `/etc` has none of them.
 *
 * @see {@link https://github.com/cri-o/cri-o/blob/v1.36.0/pkg/config/config.go}
 * @module
 */
import { isLadingError } from "../../core/errors.ts";
import { quote } from "../../policy/quote.ts";
import { tryParseImageReference } from "../../policy/reference.ts";
import { checkAllowedAnnotations, knownAnnotations } from "../../seccomp/crio-annotations.ts";
import { ConfigError } from "../errors.ts";
import type { CrioState } from "./apply.ts";
import { checkLimitsAndDevices, checkTexts, workloadCpuProblem } from "./check-values.ts";
import { defaultHandler, defaultRuntimeName, type MutableTable } from "./defaults.ts";
import { invalid, setting } from "./invalid.ts";
import { setMonitors } from "./monitors.ts";
import type { Setting } from "./types.ts";

const MIN_LOG_SIZE = 8192n;
const MIN_STOP_TIMEOUT = 30n;
const MIN_CREATE_TIMEOUT = 30n;
const DEFAULT_CREATE_TIMEOUT = 240n;

/**
 * Checks a configuration and brings it into the form in which it takes effect.
 *
 * @throws {ConfigError} `ERR_CONFIG_INVALID`, for what stops CRI-O; the message ends in its text.
 */
export function checkConfig(state: CrioState): void {
  checkImageVolumes(state);
  checkRoot(state);
  checkLimitsAndDevices(state);
  checkDefaultRuntime(state);
  checkRuntime(state);
  checkTexts(state);
  checkWorkloads(state);
  checkHandlers(state);
  setMonitors(state);
  checkImage(state);
  checkNetwork(state);
  checkApi(state);
}

function checkImageVolumes(state: CrioState): void {
  const volumes = setting(state, "image", "image_volumes");
  if (["mkdir", "ignore", "bind"].includes(String(volumes.value))) return;
  throw invalid("crio.image.image_volumes", volumes, "unrecognized image volume type specified");
}

function checkRoot(state: CrioState): void {
  const logs = setting(state, "root", "log_dir");
  if (!isAbsolute(logs)) throw invalid("crio.log_dir", logs, "log_dir is not an absolute path");
}

function checkDefaultRuntime(state: CrioState): void {
  const { minor, runtimes } = state;
  const chosen = setting(state, "runtime", "default_runtime");
  const name = String(chosen.value);
  if (runtimes.has(name)) return;
  if (name !== "") {
    const why = `default_runtime set to ${quote(name)}, but no runtime entry table [crio.runtime.runtimes.${name}] was found`;
    throw invalid("crio.runtime.default_runtime", chosen, why);
  }
  const builtIn = defaultRuntimeName(minor);
  if (!runtimes.has(builtIn)) runtimes.set(builtIn, { table: defaultHandler(minor) });
  replaceValue(state, "runtime", "default_runtime", builtIn, `without a name it is ${builtIn}`);
}

function checkRuntime(state: CrioState): void {
  const size = setting(state, "runtime", "log_size_max");
  if (Number(size.value) >= 0 && Number(size.value) < MIN_LOG_SIZE) {
    throw invalid("crio.runtime.log_size_max", size, `log size max should be negative or >= ${MIN_LOG_SIZE}`);
  }
  if (Number(setting(state, "runtime", "ctr_stop_timeout").value) < MIN_STOP_TIMEOUT) {
    const why = `the lowest value is ${MIN_STOP_TIMEOUT} seconds`;
    replaceValue(state, "runtime", "ctr_stop_timeout", MIN_STOP_TIMEOUT, why);
  }
  const manager = setting(state, "runtime", "cgroup_manager");
  if (manager.value !== "systemd" && manager.value !== "cgroupfs") {
    const why = `unable to update cgroup manager: invalid cgroup manager: ${String(manager.value)}`;
    throw invalid("crio.runtime.cgroup_manager", manager, why);
  }
  const stores = setting(state, "runtime", "additional_artifact_stores");
  for (const store of stores.value as string[]) {
    if (store.startsWith("/")) continue;
    const why = `additional_artifact_stores entry must be absolute: ${quote(store)}`;
    throw invalid("crio.runtime.additional_artifact_stores", stores, why);
  }
}

function checkWorkloads(state: CrioState): void {
  for (const [name, workload] of state.workloads) {
    const { table, origin } = workload;
    const key = `crio.runtime.workloads.${name}`;
    if (table.get("activation_annotation")?.value === "") {
      const options = origin ? { key, origin } : { key };
      const message = `annotation shouldn't be empty for workload ${quote(name)}`;
      throw new ConfigError("ERR_CONFIG_INVALID", message, options);
    }
    const cpus = workloadCpuProblem(workload);
    if (cpus !== undefined) {
      throw invalid(`${key}.resources.cpuset`, workload.resources?.get("cpuset"), cpus);
    }
    const why = annotationProblem(state, table);
    if (why !== undefined) {
      throw invalid(`${key}.allowed_annotations`, table.get("allowed_annotations"), why);
    }
  }
}

function checkHandlers(state: CrioState): void {
  const chosen = String(setting(state, "runtime", "default_runtime").value);
  inherit(state, chosen);
  for (const [name, handler] of state.runtimes) {
    const problem = handlerProblem(state, name, handler.table);
    if (problem) dropHandler(state, name, problem.key, problem.why);
    else completeHandler(state, name, handler.table);
  }
}

/**
 * Takes a handler out, with a warning.
 *
 * @throws {ConfigError} `ERR_CONFIG_INVALID` for the default one, without which CRI-O does not start.
 */
export function dropHandler(
  state: CrioState,
  name: string,
  field: string,
  why: string,
  cause?: unknown,
): void {
  const { table, origin = undefined } = state.runtimes.get(name) ?? {};
  const key = `crio.runtime.runtimes.${name}.${field}`;
  if (name === setting(state, "runtime", "default_runtime").value) {
    throw invalid(key, table?.get(field), why, cause);
  }
  const at = table?.get(field)?.origin ?? origin;
  state.warnings.push({ code: "dropped-handler", key, ...(at ? { origin: at } : {}), reason: why });
  state.runtimes.delete(name);
}

/** Handlers that ask for it get program, type, folder and configuration of the default one. */
function inherit(state: CrioState, chosen: string): void {
  const source = state.runtimes.get(chosen)?.table;
  for (const [name, { table }] of state.runtimes) {
    if (table.get("inherit_default_runtime")?.value !== true || name === chosen || !source) continue;
    for (const key of ["runtime_path", "runtime_type", "runtime_config_path", "runtime_root"]) {
      const inherited = source.get(key);
      if (inherited) table.set(key, inherited);
    }
  }
}

function handlerProblem(
  state: CrioState,
  name: string,
  table: MutableTable,
): { key: string; why: string } | undefined {
  const text = (key: string): string => String(table.get(key)?.value ?? "");
  const type = text("runtime_type");
  if (!["", "oci", "vm", "pod"].includes(type)) {
    return { key: "runtime_type", why: `invalid \`runtime_type\` ${quote(type)} for runtime ${quote(name)}` };
  }
  const program = text("runtime_path");
  const base = program.slice(program.lastIndexOf("/") + 1);
  if (type === "vm" && program !== "" && !/containerd-shim-(?:[a-zA-Z0-9\-+])+-v2/.test(base)) {
    const why = `invalid runtime_path for runtime '${name}': containerd binary naming pattern is not followed`;
    return { key: "runtime_path", why };
  }
  if (text("runtime_config_path") !== "" && type !== "vm") {
    const why = "runtime_config_path can only be used with the 'vm' runtime type";
    return { key: "runtime_config_path", why };
  }
  const annotations = annotationProblem(state, table);
  if (annotations !== undefined) return { key: "allowed_annotations", why: annotations };
  if (table.get("no_sync_log")?.value === true && type !== "oci" && type !== "") {
    const why = `no sync log: no_sync_log is only allowed with runtime type 'oci', runtime type is '${type}'`;
    return { key: "no_sync_log", why };
  }
  if (table.get("stream_websockets")?.value === true && type !== "pod") {
    const why = `websocket streaming: only the 'runtime_type = "pod"' supports websocket streaming, not ${quote(type)} (runtime ${quote(name)})`;
    return { key: "stream_websockets", why };
  }
  const affinity = text("exec_cpu_affinity");
  if (affinity === "" || affinity === "first") return undefined;
  return { key: "exec_cpu_affinity", why: `invalid exec_cpu_affinity ${quote(affinity)}` };
}

/** Values that a handler gets where it has none, or too low ones. */
function completeHandler(state: CrioState, name: string, table: MutableTable): void {
  const timeout = table.get("container_create_timeout");
  if (timeout?.value === 0n) {
    table.set("container_create_timeout", { value: DEFAULT_CREATE_TIMEOUT, from: "default" });
  } else if (timeout && Number(timeout.value) < MIN_CREATE_TIMEOUT) {
    const key = `crio.runtime.runtimes.${name}.container_create_timeout`;
    const reason = `the lowest value is ${MIN_CREATE_TIMEOUT} seconds`;
    const origin = timeout.origin ? { origin: timeout.origin } : {};
    state.warnings.push({ code: "replaced-value", key, ...origin, reason });
    table.set("container_create_timeout", { ...timeout, value: MIN_CREATE_TIMEOUT });
  }
  if (table.get("container_min_memory")?.value === "") {
    table.set("container_min_memory", { value: "12MiB", from: "default" });
  }
}

function checkImage(state: CrioState): void {
  for (const [key, words] of [
    ["signature_policy_dir", "signature policy"],
    ["namespaced_auth_dir", "namespaced auth"],
  ] as const) {
    const folder = setting(state, "image", key);
    if (isAbsolute(folder)) continue;
    throw invalid(`crio.image.${key}`, folder, `${words} dir ${quote(String(folder.value))} is not absolute`);
  }
  const pause = setting(state, "image", "pause_image");
  if (!tryParseImageReference(String(pause.value))) {
    throw invalid("crio.image.pause_image", pause, `invalid pause image ${quote(String(pause.value))}`);
  }
  const mode = setting(state, "image", "short_name_mode");
  if (!["enforcing", "disabled", ""].includes(String(mode.value))) {
    const why = `invalid short name mode ${quote(String(mode.value))}`;
    throw invalid("crio.image.short_name_mode", mode, why);
  }
  const insecure = setting(state, "image", "insecure_registries");
  if ((insecure.value as string[]).length > 0) {
    state.warnings.push({
      code: "no-effect",
      key: "crio.image.insecure_registries",
      ...(insecure.origin ? { origin: insecure.origin } : {}),
      reason: "registries are made insecure in registries.conf only",
    });
  }
}

/** The former single folder of plugins is added to the list. */
function checkNetwork(state: CrioState): void {
  const single = setting(state, "network", "plugin_dir");
  if (single.value === "") return;
  const folders = setting(state, "network", "plugin_dirs");
  const value = [...(folders.value as string[]), single.value];
  state.tables.get("network")?.set("plugin_dirs", { ...single, value });
}

function checkApi(state: CrioState): void {
  if (setting(state, "api", "stream_enable_tls").value === true) {
    for (const [key, why] of [
      ["stream_tls_cert", "stream TLS cert path is empty"],
      ["stream_tls_key", "stream TLS key path is empty"],
    ] as const) {
      const given = setting(state, "api", key);
      if (given.value === "") throw invalid(`crio.api.${key}`, given, why);
    }
  }
  for (const key of ["grpc_max_send_msg_size", "grpc_max_recv_msg_size"]) {
    if (Number(setting(state, "api", key).value) > 0) continue;
    replaceValue(state, "api", key, 83_886_080n, "without a positive number it is 83886080");
  }
}

function annotationProblem({ minor }: CrioState, table: MutableTable): string | undefined {
  try {
    const allowed = table.get("allowed_annotations")?.value as string[];
    checkAllowedAnnotations(allowed, knownAnnotations({ v2: minor >= 35 }));
    return undefined;
  } catch (error) {
    if (!isLadingError(error)) throw error;
    return error.message;
  }
}

function replaceValue(state: CrioState, table: string, key: string, value: unknown, reason: string): void {
  const { origin } = setting(state, table, key);
  state.warnings.push({
    code: "replaced-value",
    key: `crio.${table}.${key}`,
    ...(origin ? { origin } : {}),
    reason,
  });
  state.tables.get(table)?.set(key, { value, from: "default" });
}

function isAbsolute({ value }: Setting<unknown>): boolean {
  return String(value).startsWith("/");
}
