/**
 * What a plain scalar of YAML is to the library that Kubernetes reads it with: YAML 1.1 in the form of Go's yaml.v2.
 *
 * @see {@link https://github.com/kubernetes-sigs/yaml/blob/v1.6.0/goyaml.v2/resolve.go}
 * @module
 */

/** A scalar as JSON has it; `unrepresentable` for infinities and what is not a number. */
export type GoScalar =
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "number"; readonly value: string; readonly isInteger: boolean }
  | { readonly kind: "boolean"; readonly value: boolean }
  | { readonly kind: "null" }
  | { readonly kind: "unrepresentable" };

const TRUE = /^(?:[yY]|yes|Yes|YES|true|True|TRUE|on|On|ON)$/;
const FALSE = /^(?:[nN]|no|No|NO|false|False|FALSE|off|Off|OFF)$/;
const NULL = /^(?:|~|null|Null|NULL)$/;
const NOT_FINITE = /^(?:\.nan|\.NaN|\.NAN|[-+]?\.(?:inf|Inf|INF))$/;
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
const INTEGER = /^([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[oO]?([0-7]+)|0[bB]([01]+)|(0|[1-9][0-9]*))$/;
const MIN_INT64 = -(2n ** 63n);
const MAX_UINT64 = 2n ** 64n - 1n;
/** No number of a configuration is as long; converting more takes time that grows with the square. */
const MAX_NUMBER_LENGTH = 100;

/** The value of a plain scalar without a tag. Times stay texts. */
export function goScalar(text: string): GoScalar {
  if (NULL.test(text)) return { kind: "null" };
  if (TRUE.test(text)) return { kind: "boolean", value: true };
  if (FALSE.test(text)) return { kind: "boolean", value: false };
  if (NOT_FINITE.test(text)) return { kind: "unrepresentable" };
  if (text.length > MAX_NUMBER_LENGTH) return { kind: "string", value: text };
  if (text.startsWith(".")) return FLOAT.test(text) ? float(text) : { kind: "string", value: text };
  if (!/^[-+0-9]/.test(text)) return { kind: "string", value: text };
  const plain = text.replaceAll("_", "");
  const integer = integerOf(plain);
  if (integer !== undefined && integer >= MIN_INT64 && integer <= MAX_UINT64) {
    return { kind: "number", value: String(integer), isInteger: true };
  }
  return FLOAT.test(plain) ? float(plain) : { kind: "string", value: text };
}

function integerOf(text: string): bigint | undefined {
  const match = INTEGER.exec(text);
  if (!match) return undefined;
  const [, sign, hex, octal, binary, decimal] = match;
  const digits = hex ? `0x${hex}` : octal ? `0o${octal}` : binary ? `0b${binary}` : decimal;
  if (digits === undefined) return undefined;
  const value = BigInt(digits);
  if (sign !== "" && sign !== "-" && value >= 2n ** 63n) return undefined;
  return sign === "-" ? -value : value;
}

function float(text: string): GoScalar {
  const value = Number(text);
  // Go's parser refuses what is out of range, and the text stays one.
  return Number.isFinite(value)
    ? { kind: "number", value: String(value), isInteger: false }
    : { kind: "string", value: text };
}
