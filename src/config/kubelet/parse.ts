/**
 * The configuration of a kubelet out of its command line and the texts of its files.
 *
 * @see {@link https://kubernetes.io/docs/tasks/administer-cluster/kubelet-config-file/}
 * @module
 */
import { posix } from "node:path";
import { type DataNode, type DataObject, fileOrigin, memberAt } from "../data/tree.ts";
import type { Origin } from "../origin.ts";
import { checkKubeletObject } from "./check.ts";
import { type KubeletFile, parseKubeletDocument } from "./document.ts";
import { CONFIGURATION_FLAGS } from "./flag-names.ts";
import { type CommandWord, type KubeletFlags, parseKubeletFlags } from "./flags.ts";
import { mergeObjects } from "./merge.ts";
import { DEFAULT_KUBELET_RELEASE, kubeletMinor } from "./release.ts";
import { settingReader } from "./settings.ts";
import type { KubeletConfig, KubeletSetting, KubeletWarning } from "./types.ts";
import { validateFile, validateKubelet } from "./validate.ts";

/** The files that a kubelet reads. */
export interface KubeletFiles {
  /** What `--config` names; undefined where it is not given. */
  readonly main?: KubeletFile | undefined;
  /** The drop-ins of `--config-dir` in the order in which they apply; undefined where it is not given. */
  readonly dropIns?: readonly KubeletFile[] | undefined;
}

/** Options of {@link parseKubeletConfig}. */
export interface ParseKubeletConfigOptions {
  /** The command line without the name of the program. Default none. */
  command?: readonly CommandWord[] | undefined;
  /** Release, such as `1.35` or `v1.35.2`; 1.30 is the first. Default `"1.36"`. */
  release?: string | undefined;
}

const VERIFIES = "KubeletEnsureSecretPulledImages";
const POLICY = "imagePullCredentialsVerificationPolicy";

/**
 * The configuration in effect, each value with what set it: defaults, then the file, then its drop-ins, then flags.
 *
 * Keys of every release from 1.30 on are known, and flags likewise. No file that a value names is read. Gates are not
 * checked against those that a release has.
 *
 * @throws {ConfigError} For what the kubelet does not start with: `ERR_CONFIG_SYNTAX`, `ERR_CONFIG_TYPE`,
 * `ERR_CONFIG_VERSION`, `ERR_CONFIG_INVALID`; `ERR_CONFIG_TOO_LARGE` for a file of more than 1048576 UTF-16 code units.
 * @throws {RangeError} For a release before 1.30, or what is no release.
 */
export async function parseKubeletConfig(
  files: KubeletFiles,
  { command = [], release = DEFAULT_KUBELET_RELEASE }: ParseKubeletConfigOptions = {},
): Promise<KubeletConfig> {
  const minor = kubeletMinor(release);
  const flags = parseKubeletFlags(command);
  const warnings: KubeletWarning[] = [];
  const warn = (warning: KubeletWarning): void => {
    warnings.push(warning);
  };
  const file = await effectiveFile(files, { flags, minor, warn });
  const config = configOf(file, flags, { release, minor, files, warnings });
  for (const [key, flag] of Object.entries(CONFIGURATION_FLAGS)) {
    const replaced = memberAt(file, key);
    if (!replaced || flag === CONFIGURATION_FLAGS.featureGates || !hasFlag(flags, flag)) continue;
    warn({ code: "flag-wins", key, flag, origin: replaced.origin });
  }
  for (const gate of flags.gates.keys()) {
    const replaced = memberAt(file, "featureGates", gate);
    if (!replaced) continue;
    warn({ code: "flag-wins", key: `featureGates.${gate}`, flag: "feature-gates", origin: replaced.origin });
  }
  validateFile(file);
  validateKubelet(config, config.featureGates.get(VERIFIES)?.value ?? minor >= 35);
  return config;
}

interface Reading {
  flags: KubeletFlags;
  minor: number;
  warn: (warning: KubeletWarning) => void;
}

/** The file with its drop-ins, its keys and types checked. */
async function effectiveFile({ main, dropIns = [] }: KubeletFiles, reading: Reading): Promise<DataObject> {
  const { minor, warn } = reading;
  let file: DataObject = { kind: "object", members: new Map(), origin: fileOrigin("") };
  if (main) {
    const document = await parseKubeletDocument(main, { isDropIn: false, warn });
    file = withAbsolutePaths(checkKubeletObject(document, { foldsCase: false, minor, warn }), main.path);
  }
  if (dropIns.length === 0) return file;
  file = withDependentDefaults(file, reading);
  for (const dropIn of dropIns) {
    file = mergeObjects(file, await parseKubeletDocument(dropIn, { isDropIn: true, warn }));
  }
  return checkKubeletObject(file, { foldsCase: true, minor, warn });
}

/** Relative paths of the main file begin at its folder; those of drop-ins are left as they are. */
function withAbsolutePaths(file: DataObject, path: string): DataObject {
  const members = new Map(file.members);
  for (const key of ["staticPodPath", "resolvConf"]) {
    const node = members.get(key);
    if (node?.kind !== "string" || node.value === "" || node.value.startsWith("/")) continue;
    members.set(key, { ...node, value: posix.join(posix.dirname(path), node.value) });
  }
  return { ...file, members };
}

/** Defaults that depend on other values are set before drop-ins change those, and then stay. */
function withDependentDefaults(file: DataObject, { flags, minor }: Reading): DataObject {
  const members = new Map(file.members);
  // No file says them.
  const origin = fileOrigin("");
  if (!memberAt(file, "serializeImagePulls")) {
    const parallel = memberAt(file, "maxParallelImagePulls");
    const value = !(parallel?.kind === "number" && Number(parallel.value) >= 2);
    members.set("serializeImagePulls", { kind: "boolean", value, origin });
  }
  if (isEmpty(memberAt(file, POLICY)) && verifiesByDefault(file, flags, minor)) {
    members.set(POLICY, { kind: "string", value: "NeverVerifyPreloadedImages", origin });
  }
  return { ...file, members };
}

/** For its defaults the kubelet asks its files before its flags. */
function verifiesByDefault(file: DataObject, flags: KubeletFlags, minor: number): boolean {
  const gate = memberAt(file, "featureGates", VERIFIES);
  if (gate?.kind === "boolean") return gate.value;
  return flags.gates.get(VERIFIES)?.value ?? minor >= 35;
}

function isEmpty(node: DataNode | undefined): boolean {
  return !node || (node.kind === "string" && node.value === "");
}

function hasFlag({ texts, flags, integers, lists }: KubeletFlags, name: string): boolean {
  return texts.has(name) || flags.has(name) || integers.has(name) || lists.has(name);
}

interface Given {
  release: string;
  minor: number;
  files: KubeletFiles;
  warnings: KubeletWarning[];
}

function configOf(
  file: DataObject,
  flags: KubeletFlags,
  { release, minor, files, warnings }: Given,
): KubeletConfig {
  const { text, flag, integer, list } = settingReader(file, flags);
  const rootDir = cleaned(text("root-dir", undefined, "/var/lib/kubelet"));
  const configFile = flags.texts.get("config");
  const configDir = flags.texts.get("config-dir");
  const pids = integer("pod-max-pids", "podPidsLimit", -1n);
  const parallel = integer(undefined, "maxParallelImagePulls", -1n);
  return {
    release,
    files: [...(files.main ? [files.main.path] : []), ...(files.dropIns ?? []).map(({ path }) => path)],
    ...(configFile && configFile.value !== "" ? { configFile } : {}),
    ...(configDir && configDir.value !== "" ? { configDir } : {}),
    rootDir,
    seccompRoot: { ...rootDir, value: posix.join(rootDir.value, "seccomp") },
    seccompDefault: eitherOf(flags.flags.get("seccomp-default"), flag(undefined, "seccompDefault", false)),
    cgroupDriver: text("cgroup-driver", "cgroupDriver", "cgroupfs"),
    cgroupRoot: text("cgroup-root", "cgroupRoot", ""),
    containerRuntimeEndpoint: text(
      "container-runtime-endpoint",
      "containerRuntimeEndpoint",
      "unix:///run/containerd/containerd.sock",
    ),
    imageServiceEndpoint: text("image-service-endpoint", "imageServiceEndpoint", ""),
    podCIDR: text("pod-cidr", "podCIDR", ""),
    maxPods: asNumber(integer("max-pods", "maxPods", 110n, { zeroIsDefault: true })),
    podPidsLimit: pids.value < 0n ? { ...pids, value: -1n } : pids,
    allowedUnsafeSysctls: list("allowed-unsafe-sysctls", "allowedUnsafeSysctls"),
    featureGates: gatesOf(file, flags),
    [POLICY]: policyOf(text(undefined, POLICY, ""), verifiesByDefault(file, flags, minor)),
    preloadedImagesVerificationAllowlist: list(undefined, "preloadedImagesVerificationAllowlist"),
    imageCredentialProviderConfig: text("image-credential-provider-config", undefined, ""),
    imageCredentialProviderBinDir: text("image-credential-provider-bin-dir", undefined, ""),
    registryPullQPS: asNumber(integer("registry-qps", "registryPullQPS", 5n)),
    registryBurst: asNumber(integer("registry-burst", "registryBurst", 10n, { zeroIsDefault: true })),
    serializeImagePulls: flag("serialize-image-pulls", "serializeImagePulls", parallel.value < 2n),
    maxParallelImagePulls: parallel.origin ? asNumber(parallel) : { value: undefined },
    staticPodPath: text("pod-manifest-path", "staticPodPath", ""),
    staticPodURL: text("manifest-url", "staticPodURL", ""),
    resolvConf: text("resolv-conf", "resolvConf", "/etc/resolv.conf", { emptyIsSet: true }),
    clusterDomain: text("cluster-domain", "clusterDomain", ""),
    clusterDNS: list("cluster-dns", "clusterDNS"),
    userNamespacesIdsPerPod: integer(undefined, "userNamespaces.idsPerPod", 65_536n),
    hostnameOverride: text("hostname-override", undefined, ""),
    warnings,
  };
}

/** A flag that is false does not undo a file that says true. */
function eitherOf(
  flag: KubeletSetting<boolean> | undefined,
  file: KubeletSetting<boolean>,
): KubeletSetting<boolean> {
  if (!flag || (!flag.value && file.value)) return file;
  return flag;
}

function policyOf(given: KubeletSetting<string>, verifies: boolean): KubeletSetting<string> {
  return given.value === "" && verifies ? { value: "NeverVerifyPreloadedImages" } : given;
}

function gatesOf(file: DataObject, flags: KubeletFlags): Map<string, KubeletSetting<boolean>> {
  const gates = new Map<string, KubeletSetting<boolean>>();
  const written = memberAt(file, "featureGates");
  for (const [gate, node] of written?.kind === "object" ? written.members : []) {
    if (node.kind === "boolean") gates.set(gate, { value: node.value, ...placed(node.origin) });
  }
  for (const [gate, setting] of flags.gates) gates.set(gate, setting);
  return gates;
}

function placed(origin: Origin): { origin?: Origin } {
  return origin.file === "" ? {} : { origin };
}

function cleaned(setting: KubeletSetting<string>): KubeletSetting<string> {
  return { ...setting, value: posix.normalize(setting.value).replace(/(?<=.)\/$/, "") };
}

function asNumber(setting: KubeletSetting<bigint>): KubeletSetting<number> {
  return { ...setting, value: Number(setting.value) };
}
