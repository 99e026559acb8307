/**
 * containerd's template of a CNI configuration (`conf_template`), filled in for the addresses of a node's Pods.
 *
 * Of Go's templates there are those actions that such templates have:
 *
 * ```text
 * {{OPERAND}}                              ; its value
 * {{if OPERAND}} … {{else if OPERAND}} … {{else}} … {{end}}
 * {{range OPERAND}} … {{else}} … {{end}}
 * {{range $item := OPERAND}}  {{range $index, $item := OPERAND}}
 * {{- and -}}                              ; take away the white space before and behind
 * OPERAND = .  $  .PodCIDR  .PodCIDRRanges  .Routes  $.FIELD  $VARIABLE
 * ```
 *
 * Comments count for nothing. Everything else is refused by its name.
 *
 * @see {@link https://github.com/containerd/containerd/blob/v2.2.0/docs/cri/config.md#cni-config-template}
 * @see {@link https://pkg.go.dev/text/template}
 * @module
 */
import { isIP } from "node:net";
import { assertLength } from "../data/tree.ts";
import { ConfigError } from "../errors.ts";
import { parseTemplate, type TemplateNode, type TemplateOperand } from "./template-parse.ts";

/** What a template can name. */
interface TemplateData {
  readonly PodCIDR: string;
  readonly PodCIDRRanges: readonly string[];
  readonly Routes: readonly string[];
}

type Value = string | number | readonly string[] | TemplateData;

/** Longest result, in UTF-16 code units. */
const MAX_LENGTH = 1024 * 1024;
/** Most actions that are carried out: lists in lists multiply them. */
const MAX_STEPS = 1_000_000;

/**
 * The configuration that containerd writes for the addresses that a kubelet tells it.
 *
 * containerd does so only while there is no configuration. What comes out need not be one.
 *
 * @param file What errors name as the file of the template; it is not read.
 * @param podCIDR One range of addresses, or several with commas between them: `10.0.0.0/24,fd00::/64`.
 * @throws {ConfigError} `ERR_CONFIG_SYNTAX` for what is no template, or has an action that is not known here, with its
 * place; `ERR_CONFIG_INVALID` for what is no range of addresses, and for an operand that the data does not have;
 * `ERR_CONFIG_TOO_LARGE` for a template or result of more than 1048576 UTF-16 code units, and for too many steps.
 */
export function renderCniTemplate(file: string, template: string, podCIDR: string): string {
  assertLength(file, template);
  const data = dataOf(podCIDR);
  const nodes = parseTemplate(file, template);
  const output: Output = { parts: [], length: 0, steps: 0, file };
  render(nodes, data, [["$", data]], output);
  return output.parts.join("");
}

interface Output {
  readonly parts: string[];
  length: number;
  steps: number;
  readonly file: string;
}

type Variables = readonly (readonly [name: string, value: Value])[];

function dataOf(podCIDR: string): TemplateData {
  const ranges = podCIDR.split(",").map((each) => each.trim());
  const families = new Set(ranges.map(familyOf));
  return {
    PodCIDR: ranges[0] ?? "",
    PodCIDRRanges: ranges,
    Routes: [...(families.has(4) ? ["0.0.0.0/0"] : []), ...(families.has(6) ? ["::/0"] : [])],
  };
}

function familyOf(range: string): 4 | 6 {
  const [, address = "", length = ""] = /^([^/]*)\/([0-9]{1,9})$/.exec(range) ?? [];
  const family = address.includes("%") ? 0 : isIP(address);
  if (family === 0 || Number(length) > (family === 4 ? 32 : 128)) {
    const message = `get routes: invalid CIDR address: ${range.slice(0, 256)}`;
    throw new ConfigError("ERR_CONFIG_INVALID", message);
  }
  if (family === 4) return 4;
  return isMapped(address, Number(length)) ? 4 : 6;
}

/** Whether the network of a range is one of IPv4 addresses in the form of IPv6. */
function isMapped(address: string, length: number): boolean {
  if (length < 96) return false;
  const { hostname } = new URL(`http://[${address}]/`);
  return /^\[::ffff:[0-9a-f]{1,4}:[0-9a-f]{1,4}\]$/.test(hostname);
}

function render(nodes: readonly TemplateNode[], dot: Value, variables: Variables, output: Output): void {
  for (const node of nodes) {
    output.steps++;
    if (output.steps > MAX_STEPS) throw tooLarge(output, `more than ${MAX_STEPS} actions`);
    switch (node.kind) {
      case "text":
        write(output, node.text);
        break;
      case "print":
        write(output, textOf(operandValue(node.operand, dot, variables)));
        break;
      case "if": {
        const branch = isTrue(operandValue(node.operand, dot, variables)) ? node.body : node.otherwise;
        render(branch, dot, variables, output);
        break;
      }
      case "range": {
        const value = operandValue(node.operand, dot, variables);
        if (!Array.isArray(value)) throw unfit(node.operand, "range can't iterate over it");
        if (value.length === 0) render(node.otherwise, dot, variables, output);
        for (const [index, item] of (value as readonly string[]).entries()) {
          render(node.body, item, [...variables, ...declared(node.variables, index, item)], output);
        }
        break;
      }
    }
  }
}

/** One variable is the item, the first of two its index. */
function declared(names: readonly string[], index: number, item: string): Variables {
  const [first, second] = names;
  if (first === undefined) return [];
  if (second === undefined) return [[first, item]];
  return [
    [first, index],
    [second, item],
  ];
}

function operandValue(operand: TemplateOperand, dot: Value, variables: Variables): Value {
  const base =
    operand.variable === undefined ? dot : variables.findLast(([name]) => name === operand.variable)?.[1];
  if (base === undefined) throw unfit(operand, "undefined variable");
  if (operand.field === undefined) return base;
  if (typeof base !== "object" || Array.isArray(base)) throw unfit(operand, "the value has no fields");
  const data = base as TemplateData;
  if (operand.field === "PodCIDR") return data.PodCIDR;
  if (operand.field === "PodCIDRRanges") return data.PodCIDRRanges;
  if (operand.field === "Routes") return data.Routes;
  throw unfit(operand, "can't evaluate field in type server.cniConfigTemplate");
}

function isTrue(value: Value): boolean {
  if (typeof value === "string" || Array.isArray(value)) return value.length > 0;
  return typeof value === "number" ? value !== 0 : true;
}

function textOf(value: Value): string {
  if (typeof value === "string" || typeof value === "number") return String(value);
  if (Array.isArray(value)) return `[${value.join(" ")}]`;
  const { PodCIDR, PodCIDRRanges, Routes } = value as TemplateData;
  return `{${PodCIDR} ${textOf(PodCIDRRanges)} ${textOf(Routes)}}`;
}

function write(output: Output, text: string): void {
  output.length += text.length;
  if (output.length > MAX_LENGTH) throw tooLarge(output, `a result of more than ${MAX_LENGTH} characters`);
  output.parts.push(text);
}

function unfit({ text, origin }: TemplateOperand, why: string): ConfigError {
  const message = `failed to generate cni config file: ${origin.file}:${origin.line}: ${why}: <${text}>`;
  return new ConfigError("ERR_CONFIG_INVALID", message, { origin });
}

function tooLarge({ file }: Output, why: string): ConfigError {
  return new ConfigError("ERR_CONFIG_TOO_LARGE", `${file}: ${why}`, {
    origin: { file, line: 1, column: 1 },
  });
}
