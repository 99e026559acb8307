/**
 * Arguments of the `crio` command and variables of its environment that set what files set too.
 *
 * @see {@link https://github.com/cri-o/cri-o/blob/v1.36.0/docs/crio.8.md}
 * @module
 */
import { ConfigError } from "../errors.ts";
import type { CrioState } from "./apply.ts";
import { ROOT_KEYS, type SettingType, type SettingTypes, TABLE_KEYS } from "./schema.ts";
import type { Setting } from "./types.ts";

/** What a flag sets, as table and key, and the variable that stands for it if there is one. */
type Flag = readonly [table: string, key: string, variable?: string];

/** Flags that are spelled as their key and have a variable of that spelling, by table. */
const REGULAR: Readonly<Record<string, string>> = {
  root: "root runroot imagestore storage_driver log_dir",
  api: "listen stream_address stream_port",
  runtime:
    "conmon conmon_cgroup log_level log_filter default_runtime seccomp_profile privileged_seccomp_profile " +
    "apparmor_profile selinux cgroup_manager pids_limit log_size_max hooks_dir default_mounts_file " +
    "default_capabilities add_inheritable_capabilities default_sysctls default_ulimits",
  image:
    "pause_image pause_image_auth_file pause_command global_auth_file signature_policy signature_policy_dir " +
    "default_transport image_volumes",
  network: "cni_default_network",
  metrics: "enable_metrics metrics_host metrics_port metrics_socket metrics_cert metrics_key",
  tracing: "enable_tracing tracing_endpoint tracing_sampling_rate_per_million",
};

const FLAGS: ReadonlyMap<string, Flag> = new Map([
  ...Object.entries(REGULAR).flatMap(([table, keys]) =>
    keys
      .split(" ")
      .map((key): [string, Flag] => [
        key.replaceAll("_", "-"),
        [table, key, `CONTAINER_${key.toUpperCase()}`],
      ]),
  ),
  ["storage-opt", ["root", "storage_option", "CONTAINER_STORAGE_OPT"]],
  ["insecure-registry", ["image", "insecure_registries", "CONTAINER_INSECURE_REGISTRY"]],
  ["cni-config-dir", ["network", "network_dir", "CONTAINER_CNI_CONFIG_DIR"]],
  ["cni-plugin-dir", ["network", "plugin_dirs", "CONTAINER_CNI_PLUGIN_DIR"]],
  ["log-journald", ["runtime", "log_to_journald", "CONTAINER_LOG_JOURNALD"]],
  ["separate-pull-cgroup", ["runtime", "separate_pull_cgroup", "PULL_IN_A_CGROUP"]],
  ["decryption-keys-path", ["runtime", "decryption_keys_path"]],
  ["blockio-config-file", ["runtime", "blockio_config_file"]],
  ["blockio-reload", ["runtime", "blockio_reload"]],
  ["irqbalance-config-file", ["runtime", "irqbalance_config_file"]],
  ["rdt-config-file", ["runtime", "rdt_config_file"]],
]);

/** What the command was started with. */
export interface CrioCommand {
  /** Arguments by name, without dashes; a list is separated by commas. */
  flags?: Readonly<Record<string, string>> | undefined;
  /** The environment of the command; a flag wins over its variable. */
  env?: Readonly<Record<string, string | undefined>> | undefined;
}

/**
 * Puts flags and variables on top of every file.
 *
 * @throws {ConfigError} `ERR_CONFIG_INVALID` for a value that the command does not take.
 * @throws {TypeError} For a flag that is not among those known here.
 */
export function applyCommand(state: CrioState, { flags = {}, env = {} }: CrioCommand): void {
  for (const name of Object.keys(flags)) {
    if (!FLAGS.has(name)) throw new TypeError(`the flag ${JSON.stringify(name)} is not known here`);
  }
  for (const [flag, [table, key, variable]] of FLAGS) {
    const given = Object.hasOwn(flags, flag) ? flags[flag] : undefined;
    const inherited = variable === undefined ? undefined : env[variable];
    const text = given ?? inherited;
    if (text === undefined) continue;
    const name = given === undefined ? String(variable) : flag;
    const from = given === undefined ? "environment" : "flag";
    const setting: Setting<unknown> = { value: flagValue(table, key, text, name), from, name };
    state.tables.get(table)?.set(key, setting);
  }
}

/** The type of a flag's value by the flag's name; undefined for one that is not known here. */
export function crioFlagType(name: string): SettingType | undefined {
  const [table = "", key = ""] = FLAGS.get(name) ?? [];
  return typesOf(table)[key];
}

function typesOf(table: string): SettingTypes {
  const tables: Readonly<Record<string, SettingTypes>> = { root: ROOT_KEYS, ...TABLE_KEYS };
  return tables[table] ?? {};
}

function flagValue(table: string, key: string, text: string, name: string): unknown {
  switch (typesOf(table)[key]) {
    case "flag":
      // An empty variable turns off.
      if (/^(?:1|t|T|TRUE|true|True)$/.test(text)) return true;
      if (/^(?:0|f|F|FALSE|false|False|)$/.test(text)) return false;
      throw commandError(name, text);
    case "integer":
      if (!/^[-+]?[0-9]{1,19}$/.test(text)) throw commandError(name, text);
      return BigInt(text.replace(/^\+/, ""));
    case "texts":
      return text.split(",").map((each) => each.trim());
    default:
      return text;
  }
}

function commandError(name: string, text: string): ConfigError {
  const message = `invalid value ${JSON.stringify(text.slice(0, 256))} for ${name}`;
  return new ConfigError("ERR_CONFIG_INVALID", message, { key: name });
}
