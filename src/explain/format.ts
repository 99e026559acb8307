/**
 * An explanation as text for people.
 *
 * @module
 */
import type { LookedAt } from "../policy/verdict.ts";
import type { SeccompCandidate } from "../seccomp/choice.ts";
import { type Mark, renderTree, type TextNode } from "./text-tree.ts";
import type {
  ContainerExplanation,
  CreateExplanation,
  DecryptionExplanation,
  EncryptedLayer,
  ImageExplanation,
  Outcome,
  PodExplanation,
  PolicyExplanation,
  PullExplanation,
  RequirementExplanation,
  SeccompExplanation,
  Step,
} from "./trace.ts";

/** Options of {@link formatExplanation}. */
export interface FormatExplanationOptions {
  /** Whether to colour with ANSI sequences: `process.stdout.isTTY`. Default no. */
  colors?: boolean | undefined;
  /** Whether to list also what was looked at and not there, or came too late to count. Default no: it is counted. */
  all?: boolean | undefined;
}

/** More places than this are counted, not listed. */
const MAX_PLACES = 3;
/** Likewise of keys and layers. */
const MAX_LINES = 10;

const MARKS: Readonly<Record<Outcome["kind"], Mark>> = { runs: "ok", fails: "bad", undecided: "unclear" };

/**
 * An explanation as a tree of lines.
 *
 * For people: the wording may change with any version. Control characters, ANSI sequences and marks of direction in
 * what images, registries and policies say are escaped.
 */
export function formatExplanation(
  trace: PodExplanation,
  { colors = false, all = false }: FormatExplanationOptions = {},
): string {
  const { pod, node, kind, problems, handler, features, images, containers } = trace;
  const root: TextNode = {
    mark: MARKS[kind],
    text: `Pod ${pod.namespace}/${pod.name} on ${node.runtime} ${node.version}, ${node.platform}: ${kind}`,
    below: [
      ...problems.map((problem) => outcomeLine(`${problem.path}: `, problem)),
      ...(node.doubts ?? []).map(
        (place): TextNode => ({ mark: "unclear", text: `not told exactly: ${place}` }),
      ),
      {
        mark: MARKS[handler.outcome.kind],
        text: `handler ${handler.name ?? "none"}${tail(handler.outcome)}`,
        below: notable(handler.steps, stepLine, all),
      },
      ...features.map(({ feature, path, outcome, why }) => ({
        mark: MARKS[outcome.kind],
        text: `${feature} for ${path}: ${outcome.kind}, ${why}`,
      })),
      ...images.map((image) => imageNode(image, all)),
      ...containers.map((container) => containerNode(container, all)),
    ],
  };
  return renderTree(root, { colors });
}

function imageNode(image: ImageExplanation, all: boolean): TextNode {
  const { outcome, places, pullPolicy, pullPolicyFrom, name, pulls, digest, indexDigest, create } = image;
  const rest = places.length > MAX_PLACES ? ` and ${places.length - MAX_PLACES} more` : "";
  const below: TextNode[] = [
    { text: `named by ${places.slice(0, MAX_PLACES).join(", ")}${rest}` },
    { text: `pull policy ${pullPolicy}${pullPolicyFrom === "tag" ? ", by its tag" : ""}` },
  ];
  if (name) {
    const origin = name.origin === undefined ? "" : ` in ${name.origin}`;
    below.push({ text: `name by ${name.by}${origin}: ${name.candidates.join(", ")}` });
  }
  below.push(...pulls.map((pull) => pullNode(pull, all)));
  if (digest !== undefined) {
    below.push({ text: `bound to ${digest}${indexDigest === undefined ? "" : ` of index ${indexDigest}`}` });
  }
  if (create) below.push(createNode(create, pulls.at(-1)?.policy, all));
  return { mark: MARKS[outcome.kind], text: `image ${image.image}: ${outcome.kind}`, below };
}

function pullNode(pull: PullExplanation, all: boolean): TextNode {
  const { outcome, reference, sources, answeredBy, passedOver, policy, decryption } = pull;
  const below: TextNode[] = sources.steps.map(stepLine);
  for (const { kind, url, reference: asked, credentials } of sources.attempts) {
    const looked = { text: "credentials", below: notable(credentials, stepLine, all) };
    below.push({ text: `${kind} ${url} for ${asked}`, below: credentials.length === 0 ? [] : [looked] });
  }
  for (const { url, code, message } of passedOver) {
    below.push({ mark: "unclear", text: `${url} passed over: ${code}: ${message}` });
  }
  if (answeredBy !== undefined) below.push({ text: `answered by ${answeredBy}` });
  if (policy) below.push(policyNode(policy, all));
  if (decryption) below.push(decryptionNode(decryption, all));
  return { mark: MARKS[outcome.kind], text: `pull ${reference}${tail(outcome)}`, below };
}

function decryptionNode({ outcome, layers, steps }: DecryptionExplanation, all: boolean): TextNode {
  const what = layers.length === 0 ? "keys for encrypted layers" : `${layers.length} encrypted layers`;
  return {
    mark: MARKS[outcome.kind],
    text: `${what}${tail(outcome)}`,
    below: [...counted(layers, encryptedLine, all), ...counted(steps, stepLine, all)],
  };
}

function createNode(
  { outcome, why, policy }: CreateExplanation,
  atPull: PolicyExplanation | undefined,
  all: boolean,
): TextNode {
  const isSame = JSON.stringify(policy) === JSON.stringify(atPull);
  const below = !policy ? [] : isSame ? [{ text: "the same as at the pull" }] : [policyNode(policy, all)];
  return { mark: MARKS[outcome.kind], text: `at creation: ${why}${tail(outcome)}`, below };
}

function policyNode(policy: PolicyExplanation, all: boolean): TextNode {
  if (policy.kind === "none") return { text: `no policy: ${policy.why}` };
  const file = policy.file ?? "no file";
  if (policy.kind === "undecided") {
    const text = `policy ${file}: ${policy.code}: ${policy.message}`;
    return { mark: "unclear", text, below: notable(policy.steps, stepLine, all) };
  }
  const { scope, reference, overridden, lookedAt, requirements, steps } = policy;
  const less = overridden.length === 0 ? "" : `, which goes before ${overridden.join(", ")}`;
  return {
    mark: policy.kind === "allowed" ? "ok" : "bad",
    text: `policy ${file}: ${policy.kind}`,
    below: [
      ...notable(steps, stepLine, all),
      { text: `scope ${scope} for ${reference}${less}` },
      ...lookedAt.map(lookedAtLine),
      ...requirements.map(requirementNode),
    ],
  };
}

function lookedAtLine(look: LookedAt): TextNode {
  const origin = look.origin === undefined ? "" : ` (${look.origin})`;
  const found = look.kind === "found" ? `${look.found} signatures` : "no signatures";
  const text = look.kind === "skipped" ? `not looked at, ${look.reason}` : found;
  return { text: `${look.place} ${look.location}: ${text}${origin}` };
}

function requirementNode({ type, kind, reason, signatures }: RequirementExplanation): TextNode {
  return {
    mark: kind === "met" ? "ok" : "bad",
    text: `requirement ${type}: ${kind}${reason === undefined ? "" : `, ${reason}`}`,
    below: signatures.map((signature) =>
      signature.kind === "accepted"
        ? { mark: "ok", text: `signature ${signature.digest} for ${signature.dockerReference}: accepted` }
        : {
            mark: "bad",
            text: `signature ${signature.digest}: rejected at ${signature.step}, ${signature.reason}`,
          },
    ),
  };
}

function containerNode({ outcome, kind, name, seccomp }: ContainerExplanation, all: boolean): TextNode {
  return {
    mark: MARKS[outcome.kind],
    text: `${kind} ${name}: ${outcome.kind}`,
    below: seccomp ? [seccompNode(seccomp, all)] : [],
  };
}

function seccompNode(seccomp: SeccompExplanation, all: boolean): TextNode {
  const { kind, reason, profile, digest, policy, confinement, steps, calls } = seccomp;
  const from = [reason, profile, digest].filter((part) => part !== undefined).join(", ");
  return {
    text: `seccomp ${kind}${from === "" ? "" : ` (${from})`}${confinement === undefined ? "" : `: ${confinement}`}`,
    below: [
      ...notable(steps, candidateLine, all),
      ...(policy ? [policyNode(policy, all)] : []),
      ...calls.map(({ name, kind: what, texts }) => ({
        text: `${name}: ${what}`,
        below: texts.map((text) => ({ text })),
      })),
    ],
  };
}

function encryptedLine({ digest, mediaType, schemes }: EncryptedLayer): TextNode {
  return { text: `${digest}, ${mediaType}, its key wrapped by ${schemes.join(", ") || "nothing"}` };
}

/** The first lines, and how many more there are, unless all are wanted. */
function counted<Item>(items: readonly Item[], lineOf: (item: Item) => TextNode, all: boolean): TextNode[] {
  const shown = all ? items : items.slice(0, MAX_LINES);
  const left = items.length - shown.length;
  return [...shown.map(lineOf), ...(left === 0 ? [] : [{ text: `${left} more` }])];
}

/** Outcomes of steps that decide nothing. */
const USUAL: readonly string[] = ["absent", "missing", "none", "outranked", "not-evaluated"];

/** Steps as lines; those that decide nothing are counted, unless all are wanted. */
function notable<Looked extends { readonly outcome: string }>(
  steps: readonly Looked[],
  lineOf: (step: Looked) => TextNode,
  all: boolean,
): TextNode[] {
  const told = all ? steps : steps.filter(({ outcome }) => !USUAL.includes(outcome));
  const left = steps.length - told.length;
  const rest = left === 0 ? [] : [{ text: `${left} more looked at: not there, or outranked` }];
  return [...told.map(lineOf), ...rest];
}

function candidateLine(candidate: SeccompCandidate): TextNode {
  const value = candidate.value === undefined ? "" : ` = ${candidate.value}`;
  const what =
    candidate.kind === "annotation"
      ? `annotation ${candidate.key}`
      : candidate.kind === "field"
        ? `seccompProfile of the ${candidate.source}`
        : candidate.setting;
  return { text: `${what}${value}: ${candidate.outcome}, ${candidate.reason}` };
}

function stepLine({ what, outcome, why }: Step): TextNode {
  return { text: `${what}: ${outcome}${why === "" ? "" : `, ${why}`}` };
}

function outcomeLine(before: string, outcome: Outcome): TextNode {
  return { mark: MARKS[outcome.kind], text: `${before}${textOf(outcome)}` };
}

function tail(outcome: Outcome): string {
  return outcome.kind === "runs" ? "" : `: ${textOf(outcome)}`;
}

function textOf(outcome: Outcome): string {
  if (outcome.kind === "runs") return "runs";
  return outcome.kind === "fails"
    ? outcome.message.startsWith(`${outcome.reason}: `)
      ? outcome.message
      : `${outcome.reason}: ${outcome.message}`
    : `undecided, ${outcome.code}: ${outcome.message}`;
}
