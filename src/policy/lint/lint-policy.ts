/**
 * Checking a policy before it is on a node.
 *
 * @module
 */
import type { JsonPosition } from "../../core/errors.ts";
import { segment } from "../../core/json-tree.ts";
import type { SignalOptions } from "../../core/signal.ts";
import { type JsonNode, parseJson, positionOf } from "../../core/strict-json.ts";
import { PolicyError } from "../errors.ts";
import { formatPolicy } from "../format.ts";
import { parsePolicy } from "../parse.ts";
import type { ReadPolicyFile } from "../trust-files.ts";
import type { Policy } from "../types.ts";
import { type AttachmentSettings, lintAttachments } from "./attachments.ts";
import { DEFAULT_PLACE, type LintFinding, type Report, scopePlace, within } from "./findings.ts";
import { materialCheck, type PolicyFileState } from "./material.ts";
import { lintRequirements } from "./requirements.ts";
import { lintScopes } from "./scopes.ts";

/** Options of {@link lintPolicy}. */
export interface LintPolicyOptions extends SignalOptions {
  /**
   * Reads the files that the policy names, such as {@link loadPolicyFiles} does. Without it, every file is reported as
   * one that nothing is known of.
   */
  readFile?: ReadPolicyFile | undefined;
  /**
   * Gives the permissions of files and folders; `fs.promises.stat` fits. Default: permissions are not checked. What it
   * rejects for is passed over.
   */
  stat?: ((path: string) => Promise<PolicyFileState>) | undefined;
  /** The nodes' registries.d. Without it, nothing is said about where nodes look for signatures. */
  registriesD?: AttachmentSettings | undefined;
  /** The present time in milliseconds since 1970. Default `Date.now`. */
  now?: (() => number) | undefined;
  /** A certificate that ends within this time is reported, in milliseconds. Default 30 days (2592000000). */
  expiresWithinMs?: number | undefined;
  /** The text that the policy was read from: findings then say line and column. */
  text?: string | Uint8Array | undefined;
}

const MONTH_MS = 30 * 24 * 3600 * 1000;

/**
 * What the author of a policy should know about it: scopes that no image has, requirements that no image meets, keys that
 * cannot be read, and what else does not do what it seems to.
 *
 * Nothing is fetched, and signatures are not looked at: a policy without findings can still refuse an image. Symbolic
 * links in scopes that are paths are not followed, and whether an OpenPGP key is expired or revoked is not said. Findings
 * come in the order of the policy.
 *
 * @throws {PolicyError} For a policy made by hand that {@link parsePolicy} would not read, and a `text` that is not JSON.
 * @throws {RangeError} For `expiresWithinMs` below 0.
 */
export async function lintPolicy(policy: Policy, options: LintPolicyOptions = {}): Promise<LintFinding[]> {
  const { readFile, stat, registriesD, now = Date.now, expiresWithinMs = MONTH_MS, text, signal } = options;
  if (!(expiresWithinMs >= 0)) throw new RangeError("expiresWithinMs must not be negative");
  signal?.throwIfAborted();
  // What a node would not even read is no subject for advice.
  parsePolicy(formatPolicy(policy), { maxBytes: Number.MAX_SAFE_INTEGER });
  const locate = text === undefined ? () => undefined : positionFinder(text);
  const findings: LintFinding[] = [];
  const report: Report = ({ transport, scope, path }, code, severity, message, file) => {
    const position = locate(path);
    findings.push({
      code,
      severity,
      ...(transport === undefined ? {} : { transport }),
      ...(scope === undefined ? {} : { scope }),
      path,
      ...(position ? { position } : {}),
      ...(file === undefined ? {} : { file }),
      message,
    });
  };
  lintScopes(policy, report);
  if (registriesD) lintAttachments(policy, registriesD, report);
  const material = materialCheck({ readFile, stat, now: now(), expiresWithinMs, signal }, report);
  for (const [place, requirements] of listsOf(policy)) {
    lintRequirements(policy, place, requirements, report);
    for (const [index, requirement] of requirements.entries()) {
      await material.check(within(place, index), requirement);
    }
  }
  signal?.throwIfAborted();
  return inOrder(policy, findings);
}

function* listsOf(policy: Policy): Generator<[place: typeof DEFAULT_PLACE, list: Policy["default"]]> {
  yield [DEFAULT_PLACE, policy.default];
  for (const [transport, scopes] of policy.transports) {
    for (const [scope, requirements] of scopes) yield [scopePlace(transport, scope), requirements];
  }
}

/** Findings in the order in which the policy has what they are about; several about one list as they were found. */
function inOrder(policy: Policy, findings: readonly LintFinding[]): LintFinding[] {
  const ranks = new Map<string, number>();
  for (const [{ transport = "", scope = "" }] of listsOf(policy)) {
    const key = JSON.stringify([transport, scope]);
    if (!ranks.has(key)) ranks.set(key, ranks.size);
  }
  const rankOf = ({ transport = "", scope = "" }: LintFinding): number =>
    ranks.get(JSON.stringify([transport, scope])) ?? -1;
  return findings
    .map((finding, index) => ({ finding, rank: rankOf(finding), index }))
    .sort((a, b) => a.rank - b.rank || a.index - b.index)
    .map(({ finding }) => finding);
}

/**
 * Tells where a path leads in a text: to the value, or to the nearest one around it that the text has. A member that
 * stands for a default is not there.
 */
function positionFinder(text: string | Uint8Array): (path: string) => JsonPosition | undefined {
  let root: JsonNode;
  try {
    root = parseJson(text, { duplicateKeys: "keep", maxBytes: Number.MAX_SAFE_INTEGER });
  } catch (cause) {
    throw new PolicyError("ERR_POLICY_SYNTAX", "the text of the policy is no JSON", { cause });
  }
  const nodes = new Map<string, JsonNode>();
  const open: [path: string, node: JsonNode][] = [["$", root]];
  for (let next = open.pop(); next; next = open.pop()) {
    const [path, node] = next;
    if (!nodes.has(path)) nodes.set(path, node);
    if (node.kind === "array") {
      for (const [index, item] of node.items.entries()) open.push([path + segment(index), item]);
    } else if (node.kind === "object") {
      for (const { key, value } of node.members) open.push([path + segment(key), value]);
    }
  }
  return (path) => {
    for (let around = path; around !== ""; around = around.slice(0, around.lastIndexOf("["))) {
      const node = nodes.get(around);
      if (node) return positionOf(node);
      if (!around.includes("[")) return undefined;
    }
    return undefined;
  };
}
