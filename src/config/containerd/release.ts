/**
 * What differs between releases of containerd in how they read their configuration.
 *
 * @module
 */

/** How a release reads its configuration. */
export interface ContainerdRules {
  /** Such as `2.3`. */
  release: string;
  /** Highest version of a file; 1.x does not look at it. */
  highestVersion: number | undefined;
  /** Whether files are brought to the newest version: each alone, all after they are merged, or not at all. */
  migration: "none" | "merged" | "each-file";
  /** Whether an imported file's table of a plugin replaces an earlier one, or is merged into it. */
  pluginTables: "replaced" | "merged";
  /** Whether lists at the top keep what they have twice. */
  keepsDuplicates: boolean;
  /** Whether a pattern of `imports` without leading `/` is relative to the file; else to the daemon's folder. */
  relativePatterns: boolean;
  /** Whether the built-in runtime `runc` stays below a table of runtimes in a file. */
  keepsDefaultRuntime: boolean;
  /** Whether names of keys are compared without case. */
  foldsCase: boolean;
  /** Whether the deprecated tables `default_runtime` and `untrusted_workload_runtime` count. */
  oldRuntimeTables: boolean;
  /** `sandbox_image` where no file names one. */
  sandboxImage: string;
  /** Folders of registries where no file names one and no mirrors; empty for none. */
  registryConfigPath: string;
}

/** The release whose rules count where none is given. */
export const DEFAULT_RELEASE = "2.3";

const SANDBOX_IMAGES: readonly [minor: number, tag: string][] = [
  [3, "3.10.2"],
  [2, "3.10.1"],
  [0, "3.10"],
];

/**
 * The rules of a release, such as `2.1` or `v1.7.27`. Later ones than 2.3 are taken to be as that.
 *
 * @throws {RangeError} for a release before 1.6, and for what is no release.
 */
export function containerdRules(release: string): ContainerdRules {
  const [, first, second] = /^v?(\d{1,4})\.(\d{1,4})(?:[.+~-].*)?$/s.exec(release) ?? [];
  const major = Number(first);
  const minor = major > 2 ? Number.MAX_SAFE_INTEGER : Number(second);
  if (first === undefined || major < 1 || (major === 1 && minor < 6)) {
    throw new RangeError(`${JSON.stringify(release)} is no release of containerd from 1.6 on`);
  }
  if (major === 1) {
    return {
      release: `${major}.${minor}`,
      highestVersion: undefined,
      migration: "none",
      pluginTables: "replaced",
      keepsDuplicates: true,
      relativePatterns: false,
      keepsDefaultRuntime: false,
      foldsCase: false,
      oldRuntimeTables: true,
      sandboxImage: `registry.k8s.io/pause:${minor === 6 ? "3.6" : "3.8"}`,
      registryConfigPath: "",
    };
  }
  const tag = SANDBOX_IMAGES.find(([from]) => minor >= from)?.[1] ?? "3.10";
  return {
    release: `${first}.${second}`,
    highestVersion: minor >= 3 ? 4 : 3,
    migration: minor >= 3 ? "each-file" : "merged",
    pluginTables: "merged",
    keepsDuplicates: false,
    relativePatterns: true,
    keepsDefaultRuntime: true,
    foldsCase: true,
    oldRuntimeTables: false,
    sandboxImage: `registry.k8s.io/pause:${tag}`,
    registryConfigPath: minor >= 2 ? "/etc/containerd/certs.d:/etc/docker/certs.d" : "",
  };
}
