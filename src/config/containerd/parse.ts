/**
 * containerd's `config.toml` with its imports, as containerd 1.6 and later read it.
 *
 * Versions 1 to 4 of the file are known. Values are those that the daemon uses: its own where no file says another.
 *
 * @see {@link https://github.com/containerd/containerd/blob/v2.2.0/docs/man/containerd-config.toml.5.md}
 * @module
 */
import type { ContainerdSeccompNode } from "../../seccomp/resolve-containerd.ts";
import { checkTable, MAX_HINTS } from "./check.ts";
import { type ContainerdCri, criOf } from "./cri.ts";
import { type ContainerdConfigFile, mergedTree } from "./files.ts";
import { GRPC_SERVER, pluginTables, TTRPC_SERVER } from "./keys.ts";
import { pluginName } from "./migrate.ts";
import { type ContainerdRules, containerdRules, DEFAULT_RELEASE } from "./release.ts";
import { type ContainerdStreamProcessor, streamProcessorsOf } from "./stream-processors.ts";
import {
  type ConfigTable,
  EMPTY_TABLE,
  keyName,
  type Sourced,
  sourced,
  tableAt,
  textAt,
  textsAt,
  withEntry,
} from "./tree.ts";
import { assertDottedNames } from "./validate.ts";
import type { ContainerdConfigWarning } from "./warnings.ts";

/** Where containerd looks for its configuration when it is not told. */
export const DEFAULT_CONTAINERD_CONFIG = "/etc/containerd/config.toml";

/** Flags of the daemon, which win over its files. */
export interface ContainerdFlags {
  /** `--address`: the socket. */
  address?: string | undefined;
  /** `--root`. */
  root?: string | undefined;
  /** `--state`. */
  state?: string | undefined;
  /** `--log-level`. */
  logLevel?: string | undefined;
}

/** Options of {@link parseContainerdConfig}. */
export interface ParseContainerdConfigOptions {
  /**
   * The file that the daemon is started with (`--config`): it must be there. Default `/etc/containerd/config.toml`,
   * which may be missing.
   */
  path?: string | undefined;
  /** Release of containerd, such as `1.7` or `2.2.1`, from 1.6 on. Default `"2.3"`; later ones are read as that. */
  release?: string | undefined;
  flags?: ContainerdFlags | undefined;
}

/** What a containerd runs with. */
export interface ContainerdConfig extends ContainerdCri {
  /** Release whose rules were applied, such as `2.3`. */
  readonly release: string;
  /** In the order in which they are read; a later one wins. Empty where the default file is missing. */
  readonly files: readonly ContainerdConfigFile[];
  /** Folder of what persists. */
  readonly root: Sourced<string>;
  /** Folder of what lasts until the machine stops. */
  readonly state: Sourced<string>;
  /** Path of the socket that kubelets use. */
  readonly socket: Sourced<string>;
  /** Path of the socket that shims use. */
  readonly ttrpc: Sourced<string>;
  /** Empty: `info`. */
  readonly logLevel: Sourced<string>;
  /** Full names of plugins that are not started; short ones of version 1 are completed. */
  readonly disabledPlugins: readonly Sourced<string>[];
  /** Full names of plugins without which the daemon does not start. */
  readonly requiredPlugins: readonly Sourced<string>[];
  /** Programs that layers are passed through, such as for decryption, by name; two are built in. */
  readonly streamProcessors: ReadonlyMap<string, ContainerdStreamProcessor>;
  /**
   * All that the files say, each value with its place, in the layout of the newest version: also what has no field
   * here. It holds passwords where the files do.
   */
  readonly tree: ConfigTable;
  readonly warnings: readonly ContainerdConfigWarning[];
}

/**
 * What a containerd runs with, from the texts of its files by absolute path.
 *
 * Patterns of `imports` cover the paths in `texts`, which must hold every file that is named. Nothing else that the
 * files name is read.
 *
 * @throws {ConfigError} For what the daemon, or its CRI plugin, does not start with: `ERR_CONFIG_SYNTAX`,
 * `ERR_CONFIG_TYPE`, `ERR_CONFIG_FILE` for a file that is not in `texts`, `ERR_CONFIG_VERSION`, and
 * `ERR_CONFIG_INVALID`; the messages of the last two equal containerd's. `ERR_CONFIG_TOO_LARGE` for more than 1000
 * files, or a file of more than 1048576 UTF-16 code units.
 * @throws {RangeError} For a release before 1.6, or what is no release.
 */
export function parseContainerdConfig(
  texts: ReadonlyMap<string, string>,
  { path, release = DEFAULT_RELEASE, flags = {} }: ParseContainerdConfigOptions = {},
): ContainerdConfig {
  const rules = containerdRules(release);
  const warnings: ContainerdConfigWarning[] = [];
  const warn = (warning: ContainerdConfigWarning): void => {
    warnings.push(warning);
  };
  const isMissing = path === undefined && !texts.has(DEFAULT_CONTAINERD_CONFIG);
  const { tree: merged, files } = isMissing
    ? { tree: EMPTY_TABLE, files: [] }
    : mergedTree(texts, path ?? DEFAULT_CONTAINERD_CONFIG, { rules, warn });
  const tree = checkedPlugins(merged, rules, warn);
  const disabledPlugins = textsAt(tree, "disabled_plugins") ?? [];
  const requiredPlugins = textsAt(tree, "required_plugins") ?? [];
  if (rules.migration !== "none") assertDottedNames(tree);
  const disabled = disabledPlugins.map(({ value, origin }) => sourced(pluginName(value), origin));
  return {
    release: rules.release,
    files,
    root: setting(flags.root, nonEmpty(textAt(tree, "root")), "/var/lib/containerd"),
    state: setting(flags.state, nonEmpty(textAt(tree, "state")), "/run/containerd"),
    ...socketsOf(tree, flags, rules),
    logLevel: setting(flags.logLevel, textAt(tree, "debug", "level"), ""),
    disabledPlugins,
    requiredPlugins,
    streamProcessors: streamProcessorsOf(tree),
    ...criOf(tableAt(tree, "plugins"), { rules, disabled, warn }),
    tree,
    warnings,
  };
}

/** The node for `resolveContainerdSeccomp`; whether its kernel has seccomp is not known from files. */
export function containerdSeccompNode({
  unsetSeccompProfile,
}: Pick<ContainerdConfig, "unsetSeccompProfile">): ContainerdSeccompNode {
  return { kind: "containerd", unsetSeccompProfile: unsetSeccompProfile.value };
}

function checkedPlugins(
  tree: ConfigTable,
  rules: ContainerdRules,
  warn: (warning: ContainerdConfigWarning) => void,
): ConfigTable {
  const tables = pluginTables(rules);
  const hints = { left: MAX_HINTS };
  const elsewhere = tables.map(({ key, shape }) => [key, shape] as const);
  let plugins = tableAt(tree, "plugins");
  for (const [name, node] of plugins.entries) {
    const path = ["plugins", name];
    const known = tables.find((table) => table.name === name);
    if (known && node.kind === "table") {
      const { foldsCase } = rules;
      plugins = withEntry(
        plugins,
        name,
        checkTable(node, known.shape, { foldsCase, path, elsewhere, warn, hints }),
      );
    } else if (!name.includes(".")) {
      const reason = "from version 2 on plugins have full names";
      warn({ code: "not-read", key: keyName(path), reason, ...(node.origin ? { origin: node.origin } : {}) });
    }
  }
  return plugins.entries.size === 0 ? tree : withEntry(tree, "plugins", plugins);
}

function socketsOf(
  tree: ConfigTable,
  { address }: ContainerdFlags,
  { migration }: ContainerdRules,
): Pick<ContainerdConfig, "socket" | "ttrpc"> {
  const plugins = tableAt(tree, "plugins");
  const socket = setting(address, textAt(plugins, GRPC_SERVER, "address"), "/run/containerd/containerd.sock");
  const own = textAt(tree, "ttrpc", "address");
  // Before the sockets were plugins, the flag came before the other address was made.
  const ttrpc =
    migration === "each-file"
      ? setting(undefined, textAt(plugins, TTRPC_SERVER, "address"), "/run/containerd/containerd.sock.ttrpc")
      : setting(undefined, nonEmpty(own), `${socket.value}.ttrpc`, socket.origin);
  return { socket, ttrpc };
}

/** An empty text at the top of a file says nothing. */
function nonEmpty(text: Sourced<string> | undefined): Sourced<string> | undefined {
  return text?.value === "" ? undefined : text;
}

/** What a flag says, else a file, else the daemon. An empty flag is none. */
function setting(
  flag: string | undefined,
  written: Sourced<string> | undefined,
  otherwise: string,
  origin?: Sourced<string>["origin"],
): Sourced<string> {
  if (flag !== undefined && flag !== "") return { value: flag };
  return written ?? sourced(otherwise, origin);
}
