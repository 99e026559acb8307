/**
 * What two nodes decide differently about a Pod.
 *
 * @module
 */
import type { NodeConfig } from "../config/node.ts";
import { type ExplainPodOptions, explainPod } from "./explain-pod.ts";
import type { PodExplanation } from "./trace.ts";

/** Options of {@link diffNodes}. */
export interface DiffNodesOptions extends ExplainPodOptions {
  /** What is different about the first node, such as its platform. */
  a?: Partial<ExplainPodOptions> | undefined;
  /** What is different about the second node. */
  b?: Partial<ExplainPodOptions> | undefined;
}

/** A value that is not the same on both nodes. */
export interface NodeDifference {
  /** Where it is in the explanations, such as `images[0].digest`. */
  readonly path: string;
  /** Absent where the first node has none. */
  readonly a?: unknown;
  /** Absent where the second node has none. */
  readonly b?: unknown;
}

/** What two nodes decide. */
export interface NodesDifference {
  readonly a: PodExplanation;
  readonly b: PodExplanation;
  /** Outcomes, digests and profiles that differ: what the Pod itself would notice. */
  readonly decisions: readonly NodeDifference[];
  /** Everything else that differs, such as files, mirrors and scopes. */
  readonly details: readonly NodeDifference[];
  /** Whether there are more differences than the first 1000, which are told. */
  readonly isCut: boolean;
}

const MAX_DIFFERENCES = 1000;
/** Members that a Pod would notice. */
const DECISIVE =
  /^(?:kind|handler\.name|(?:handler|features\[\d+\]|images\[\d+\]|containers\[\d+\])\.outcome\b.*|images\[\d+\]\.(?:digest|indexDigest)|containers\[\d+\]\.seccomp\.(?:kind|profile|digest|confinement)|containers\[\d+\]\.seccomp\.calls\[\d+\]\.kind)$/;

/**
 * Explains a Pod on two nodes, and compares.
 *
 * Rejects as {@link explainPod}.
 */
export async function diffNodes(
  pod: unknown,
  a: NodeConfig,
  b: NodeConfig,
  { a: ofA = {}, b: ofB = {}, ...options }: DiffNodesOptions,
): Promise<NodesDifference> {
  // One after the other: what registries limit counts for both.
  const first = await explainPod(pod, a, { ...options, ...ofA });
  const second = await explainPod(pod, b, { ...options, ...ofB });
  return compareExplanations(first, second);
}

/** What differs between two explanations of one Pod. */
export function compareExplanations(a: PodExplanation, b: PodExplanation): NodesDifference {
  const found: NodeDifference[] = [];
  compare(a, b, "", found);
  const isCut = found.length > MAX_DIFFERENCES;
  const told = found.slice(0, MAX_DIFFERENCES);
  return {
    a,
    b,
    decisions: told.filter(({ path }) => DECISIVE.test(path)),
    details: told.filter(({ path }) => !DECISIVE.test(path)),
    isCut,
  };
}

function compare(a: unknown, b: unknown, path: string, found: NodeDifference[]): void {
  if (found.length > MAX_DIFFERENCES || a === b) return;
  // The problems repeat what the steps say.
  if (path === "problems") return;
  if (!isObject(a) || !isObject(b) || Array.isArray(a) !== Array.isArray(b)) {
    found.push({ path, ...(a === undefined ? {} : { a }), ...(b === undefined ? {} : { b }) });
    return;
  }
  for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const part = Array.isArray(a) ? `[${name}]` : path === "" ? name : `.${name}`;
    compare(a[name], b[name], `${path}${part}`, found);
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
