/**
 * Checking a profile before it is on a node.
 *
 * @module
 */
import { nearestNode } from "../../core/json-pointer.ts";
import { type JsonNode, positionOf } from "../../core/strict-json.ts";
import { nativeArchName } from "../arch.ts";
import { profileTree } from "../parse.ts";
import { readTreeAsEngine } from "../read-profile.ts";
import type { ProfileProblem } from "../schema.ts";
import type { SeccompEngine, SeccompProfile } from "../types.ts";
import { lintEntries, lintForArtifact } from "./entries.ts";
import { lintFilter } from "./filter-rules.ts";
import type { ProfileFinding, ProfileLintCode, ProfileLintSeverity, ReportFinding } from "./findings.ts";

/** What a profile is meant for. */
export type ProfileTarget =
  | "cri-o"
  | "podman"
  | "docker"
  /** A Localhost profile under containerd. */
  | "containerd"
  /** The artifact of KEP-6061: a runtime-spec object, without listener, of limited size. */
  | "oci-artifact";

/** Options of {@link lintProfile}. */
export interface LintProfileOptions {
  /** What will read the file. Default `"cri-o"`. */
  target?: ProfileTarget | undefined;
  /** Architecture of the nodes, as Go names it. Default `"amd64"`. */
  arch?: string | undefined;
  /** Kernel release of the nodes, for Docker's `minKernel`. Default `"6.12"`. */
  kernel?: string | undefined;
  /** Longest profile accepted, in bytes. Default 4 MiB (4194304). */
  maxBytes?: number | undefined;
  /** Most findings reported; errors go before warnings before the rest. Default 100. */
  maxFindings?: number | undefined;
}

const ENGINES: Readonly<Record<ProfileTarget, SeccompEngine>> = {
  "cri-o": "containers-common",
  podman: "containers-common",
  docker: "moby",
  containerd: "containerd",
  "oci-artifact": "containerd",
};
const RANK: Readonly<Record<ProfileLintSeverity, number>> = { error: 0, warning: 1, info: 2 };

/**
 * What the author of a profile should know about it, in the order of its text.
 *
 * The filter is looked at for two containers: one without capabilities, and one with each that the profile names. A
 * contradiction that shows only with some of them is not found. What is said of a node holds for the given architecture
 * and kernel. A profile without findings can still be too wide or too narrow for a workload.
 *
 * @throws {SeccompError} For a file that the target does not read at all: as `parseProfile` does.
 * @throws {RangeError} For an architecture that the target does not have.
 */
export async function lintProfile(
  input: Uint8Array | string,
  options: LintProfileOptions = {},
): Promise<ProfileFinding[]> {
  const { target = "cri-o", arch = "amd64", kernel = "6.12", maxBytes, maxFindings = 100 } = options;
  if (!Object.hasOwn(ENGINES, target)) throw new TypeError(`unknown target ${JSON.stringify(target)}`);
  if (!(maxFindings >= 0)) throw new RangeError("maxFindings must not be negative");
  nativeArchName(arch);
  const engine = ENGINES[target];
  const root = profileTree(input, { engine, maxBytes });
  const { profile, oddities } = await readTreeAsEngine(root, engine, {});
  const found = collector(root);
  for (const oddity of oddities) found.add(oddity.position.path, ...judged(oddity));
  lintEntries(profile, found.report);
  if (target === "oci-artifact") {
    lintForArtifact(
      profile,
      typeof input === "string" ? Buffer.byteLength(input) : input.byteLength,
      found.report,
    );
  }
  for (const capabilities of capabilitySets(profile)) {
    lintFilter(profile, { arch, kernel, capabilities }, found.report);
  }
  return found.findings(maxFindings, oddities);
}

/** None, and all that the profile names. */
function capabilitySets({ syscalls = [] }: SeccompProfile): string[][] {
  const named = new Set<string>();
  for (const { includes, excludes } of syscalls) {
    for (const cap of [...(includes?.caps ?? []), ...(excludes?.caps ?? [])]) named.add(cap);
  }
  return named.size === 0 ? [[]] : [[], [...named]];
}

const EXTENDED: ReadonlySet<string> = new Set(["archMap", "includes", "excludes", "name"]);

function judged({ kind, message, position }: ProfileProblem): [ProfileLintCode, ProfileLintSeverity, string] {
  const [, name = ""] = /\['([^']*)'\]$/.exec(position.path) ?? [];
  if (kind !== "additionalProperties") return ["not-strict", "error", message];
  const ignored = `${name} is not read here`;
  if (EXTENDED.has(name)) return ["extended-member", "error", ignored];
  if (name === "errno" || name === "defaultErrno") return ["errno-name-ignored", "error", ignored];
  if (name === "minKernel")
    return ["min-kernel-ignored", "error", `${ignored}: the rule counts on every kernel`];
  return ["unknown-member", name === "comment" ? "info" : "warning", message];
}

interface Held extends Omit<ProfileFinding, "position"> {
  path: string;
  node?: JsonNode;
}

interface Collector {
  report: ReportFinding;
  add(
    path: string,
    code: ProfileLintCode,
    severity: ProfileLintSeverity,
    message: string,
    node?: JsonNode,
  ): void;
  findings(most: number, oddities: readonly ProfileProblem[]): ProfileFinding[];
}

/** Each thing is found once: what two kinds of containers have in common, and all names of a rule, are one finding. */
function collector(root: JsonNode): Collector {
  const held = new Map<string, Held>();
  const add: Collector["add"] = (path, code, severity, message, node) => {
    const key = `${code} ${path}`;
    const known = held.get(key);
    // Missing calls and architectures share a place.
    const all = node && SEVERAL.has(code) ? `${key} ${message}` : key;
    if (all === key && known && RANK[known.severity] <= RANK[severity]) return;
    held.set(all, { path, code, severity, message, ...(node ? { node } : {}) });
  };
  return {
    add,
    report: (path, code, severity, message) => {
      add(JSON.stringify(path), code, severity, message, nearestNode(root, path.map(String)));
    },
    findings(most, oddities) {
      const positions = new Map(oddities.map(({ position }) => [position.path, position]));
      // Line and column are counted for the reported ones only: each count goes through the text.
      return [...held.values()]
        .sort((a, b) => RANK[a.severity] - RANK[b.severity])
        .slice(0, most)
        .map(({ path, node, ...finding }) => ({
          ...finding,
          position: (node ? undefined : positions.get(path)) ?? positionOf(node ?? root),
        }))
        .sort((a, b) => a.position.offset - b.position.offset);
    },
  };
}

const SEVERAL: ReadonlySet<ProfileLintCode> = new Set([
  "compat-architecture-missing",
  "architecture-unneeded",
  "startup-call-missing",
  "artifact-limit",
]);
