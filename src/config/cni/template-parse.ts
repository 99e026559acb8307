/**
 * The text of a template as a tree of its actions.
 *
 * @module
 */
import { ConfigError } from "../errors.ts";
import type { Origin } from "../origin.ts";

/** A value that an action names. */
export interface TemplateOperand {
  /** The variable that it begins with, `$` for the outermost data; absent for the innermost. */
  readonly variable?: string;
  /** Without its dot. */
  readonly field?: string;
  /** As it is written. */
  readonly text: string;
  readonly origin: Origin;
}

/** A part of a template. */
export type TemplateNode =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "print"; readonly operand: TemplateOperand }
  | {
      readonly kind: "if";
      readonly operand: TemplateOperand;
      readonly body: readonly TemplateNode[];
      readonly otherwise: readonly TemplateNode[];
    }
  | {
      readonly kind: "range";
      /** With their dollar signs: none, the item's, or the index's and the item's. */
      readonly variables: readonly string[];
      readonly operand: TemplateOperand;
      readonly body: readonly TemplateNode[];
      readonly otherwise: readonly TemplateNode[];
    };

/** Deepest nesting of actions. */
const MAX_DEPTH = 50;

interface Action {
  /** Without braces, marks and white space around it. */
  readonly text: string;
  readonly origin: Origin;
}

type Part = { kind: "text"; text: string } | ({ kind: "action" } & Action);

/**
 * The parts of a template.
 *
 * @throws {ConfigError} `ERR_CONFIG_SYNTAX`, with the place.
 */
export function parseTemplate(file: string, text: string): readonly TemplateNode[] {
  const placeAt = forwardPlaces(file, text);
  const parts = partsOf(text, placeAt);
  const reader = { parts, at: 0, end: placeAt(text.length) };
  const { nodes, action } = readBlock(reader, ["$"], 0);
  if (action) throw refused(`unexpected {{${wordOf(action)}}}`, action.origin);
  return nodes;
}

interface Reader {
  readonly parts: readonly Part[];
  at: number;
  readonly end: Origin;
}

/** Reads up to an `end` or `else`, which comes back too, or to the end of the text. */
function readBlock(
  reader: Reader,
  variables: readonly string[],
  depth: number,
): { nodes: TemplateNode[]; action?: Action } {
  const nodes: TemplateNode[] = [];
  for (let part = reader.parts[reader.at]; part; part = reader.parts[reader.at]) {
    reader.at++;
    if (part.kind === "text") {
      if (part.text !== "") nodes.push(part);
      continue;
    }
    const word = wordOf(part);
    if (word === "end" || word === "else") return { nodes, action: part };
    if (depth >= MAX_DEPTH) throw refused("actions are nested too deep", part.origin);
    if (word === "if") nodes.push(readIf(reader, part, part.text.slice(2), variables, depth));
    else if (word === "range") nodes.push(readRange(reader, part, variables, depth));
    else nodes.push({ kind: "print", operand: operandOf(part, part.text, variables) });
  }
  return { nodes };
}

function readIf(
  reader: Reader,
  action: Action,
  condition: string,
  variables: readonly string[],
  depth: number,
): TemplateNode {
  const operand = operandOf(action, condition.trim(), variables);
  const { nodes: body, action: next } = readBlock(reader, variables, depth + 1);
  if (!next) throw refused("unclosed action if", reader.end);
  if (wordOf(next) === "end") {
    assertBare(next, "end");
    return { kind: "if", operand, body, otherwise: [] };
  }
  const elseIf = /^else\s+if(?=[\s.$])/.exec(next.text);
  if (elseIf) {
    // The one `end` closes both.
    const rest = next.text.slice(elseIf[0].length);
    if (depth + 1 >= MAX_DEPTH) throw refused("actions are nested too deep", next.origin);
    return { kind: "if", operand, body, otherwise: [readIf(reader, next, rest, variables, depth + 1)] };
  }
  return { kind: "if", operand, body, otherwise: readElse(reader, next, variables, depth) };
}

function readRange(
  reader: Reader,
  action: Action,
  variables: readonly string[],
  depth: number,
): TemplateNode {
  const [, declarations, operandText = ""] =
    /^range\s*(?:(\$\w+(?:\s*,\s*\$\w+)?)\s*:=)?\s*(.*)$/s.exec(action.text) ?? [];
  const own = declarations?.split(",").map((each) => each.trim()) ?? [];
  const operand = operandOf(action, operandText.trim(), variables);
  const { nodes: body, action: next } = readBlock(reader, [...variables, ...own], depth + 1);
  if (!next) throw refused("unclosed action range", reader.end);
  if (wordOf(next) === "end") {
    assertBare(next, "end");
    return { kind: "range", variables: own, operand, body, otherwise: [] };
  }
  return {
    kind: "range",
    variables: own,
    operand,
    body,
    otherwise: readElse(reader, next, variables, depth),
  };
}

function readElse(
  reader: Reader,
  action: Action,
  variables: readonly string[],
  depth: number,
): readonly TemplateNode[] {
  assertBare(action, "else");
  const { nodes, action: end } = readBlock(reader, variables, depth + 1);
  if (!end) throw refused("unclosed action", reader.end);
  assertBare(end, "end");
  return nodes;
}

function assertBare({ text, origin }: Action, word: string): void {
  if (text !== word) throw refused(`expected {{${word}}}, not {{${text.slice(0, 256)}}}`, origin);
}

function operandOf({ origin }: Action, text: string, variables: readonly string[]): TemplateOperand {
  const match = /^(?:(\$\w*)(?:\.([A-Za-z_]\w*))?|\.([A-Za-z_]\w*)?)$/.exec(text);
  if (!match) throw refused(`the action {{${text.slice(0, 256)}}} is not known here`, origin);
  const [, variable, ofVariable, ofDot] = match;
  const field = ofVariable ?? ofDot;
  if (variable !== undefined && !variables.includes(variable)) {
    throw refused(`undefined variable ${JSON.stringify(variable)}`, origin);
  }
  return {
    ...(variable === undefined ? {} : { variable }),
    ...(field === undefined ? {} : { field }),
    text,
    origin,
  };
}

/** The word that an action begins with; empty where it begins with none. */
function wordOf({ text }: Action): string {
  return /^[a-z]+(?=[\s.]|$)/.exec(text)?.[0] ?? "";
}

/** Texts and actions, comments left out and white space taken away where marks say so. */
function partsOf(text: string, placeAt: (index: number) => Origin): Part[] {
  const parts: Part[] = [];
  let at = 0;
  let trims = false;
  for (;;) {
    const start = text.indexOf("{{", at);
    const raw = text.slice(at, start < 0 ? text.length : start);
    const left = trims ? raw.replace(/^[ \t\r\n]+/, "") : raw;
    const marks = start >= 0 && /^-[ \t\r\n]/.test(text.slice(start + 2, start + 4));
    parts.push({ kind: "text", text: marks ? trimEnd(left) : left });
    if (start < 0) return parts;
    const origin = placeAt(start);
    const inside = start + (marks ? 4 : 2);
    const end = endOf(text, inside);
    if (end === undefined) throw refused("unclosed action", origin);
    trims = end.trims;
    at = end.after;
    const content = text.slice(inside, end.at).trim();
    if (end.isComment) continue;
    if (content === "") throw refused("missing value for command", origin);
    parts.push({ kind: "action", text: content, origin });
  }
}

function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && " \t\r\n".includes(text[end - 1] ?? "x")) end--;
  return text.slice(0, end);
}

interface ActionEnd {
  at: number;
  after: number;
  trims: boolean;
  isComment: boolean;
}

/** Where an action ends; braces in quotes end none. */
function endOf(text: string, from: number): ActionEnd | undefined {
  if (text.startsWith("/*", from)) {
    const close = text.indexOf("*/", from + 2);
    const behind = /^(?:[ \t\r\n]-)?\}\}/.exec(text.slice(close + 2, close + 6))?.[0];
    if (close < 0 || behind === undefined) return undefined;
    return { at: close, after: close + 2 + behind.length, trims: behind.length > 2, isComment: true };
  }
  let quote = "";
  for (let at = from; at < text.length; at++) {
    const character = text[at] ?? "";
    if (quote !== "") {
      if (character === "\\" && quote !== "`") at++;
      else if (character === quote) quote = "";
    } else if (character === '"' || character === "`" || character === "'") quote = character;
    else if (text.startsWith("}}", at)) {
      const trims = /[ \t\r\n]-$/.test(text.slice(Math.max(from, at - 2), at));
      return { at: trims ? at - 2 : at, after: at + 2, trims, isComment: false };
    }
  }
  return undefined;
}

/** Tells places of indexes that never go back. */
function forwardPlaces(file: string, text: string): (index: number) => Origin {
  let line = 1;
  let lineStart = 0;
  return (index) => {
    for (let at = text.indexOf("\n", lineStart); at >= 0 && at < index; at = text.indexOf("\n", lineStart)) {
      line++;
      lineStart = at + 1;
    }
    return { file, line, column: index - lineStart + 1 };
  };
}

function refused(why: string, origin: Origin): ConfigError {
  const message = `failed to parse cni config template ${origin.file}:${origin.line}: ${why}`;
  return new ConfigError("ERR_CONFIG_SYNTAX", message, { origin });
}
