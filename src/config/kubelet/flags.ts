/**
 * The command line of a kubelet, read as its library of flags reads it.
 *
 * @see {@link https://github.com/spf13/pflag/blob/v1.0.9/flag.go}
 * @module
 */
import { ConfigError } from "../errors.ts";
import type { Origin } from "../origin.ts";
import { hasOptionalValue, KUBELET_FLAGS, type KubeletFlagType } from "./flag-names.ts";
import type { KubeletSetting } from "./types.ts";

/** A word of a command line. */
export interface CommandWord {
  readonly text: string;
  /** Where it stands; absent where no file holds it. */
  readonly origin?: Origin;
}

/** What flags set, by name; a flag whose value is not looked at is not here. */
export interface KubeletFlags {
  readonly texts: ReadonlyMap<string, KubeletSetting<string>>;
  readonly flags: ReadonlyMap<string, KubeletSetting<boolean>>;
  readonly integers: ReadonlyMap<string, KubeletSetting<bigint>>;
  readonly lists: ReadonlyMap<string, readonly KubeletSetting<string>[]>;
  readonly gates: ReadonlyMap<string, KubeletSetting<boolean>>;
}

/**
 * The flags of a command line, without the name of the program.
 *
 * @throws {ConfigError} `ERR_CONFIG_INVALID` for a flag that no kubelet has, a missing or unfit value, and a word that
 * is no flag.
 */
export function parseKubeletFlags(words: readonly CommandWord[]): KubeletFlags {
  const found = {
    texts: new Map<string, KubeletSetting<string>>(),
    flags: new Map<string, KubeletSetting<boolean>>(),
    integers: new Map<string, KubeletSetting<bigint>>(),
    lists: new Map<string, KubeletSetting<string>[]>(),
    gates: new Map<string, KubeletSetting<boolean>>(),
  };
  for (const { name, type, value, origin } of splitFlags(words)) {
    const set = <T>(given: T): KubeletSetting<T> => ({
      value: given,
      flag: name,
      ...(origin ? { origin } : {}),
    });
    const unfit = (why: string): ConfigError =>
      refused(`invalid argument for "--${name}" flag: ${why}`, origin);
    switch (type) {
      case "text":
        found.texts.set(name, set(value));
        break;
      case "flag":
        found.flags.set(name, set(booleanOf(value, unfit)));
        break;
      case "int32":
      case "int64":
        found.integers.set(name, set(integerOf(value, type === "int32" ? 31n : 63n, unfit)));
        break;
      case "texts":
        // The first of several replaces what a file says, the others are added to it.
        found.lists.set(name, [...(found.lists.get(name) ?? []), ...fieldsOf(value, unfit).map(set)]);
        break;
      case "gates":
        for (const [gate, isOn] of gatesOf(value, unfit)) found.gates.set(gate, set(isOn));
        break;
      case "other":
        break;
    }
  }
  return found;
}

interface FlagValue {
  name: string;
  type: KubeletFlagType;
  value: string;
  origin: Origin | undefined;
}

function splitFlags(words: readonly CommandWord[]): FlagValue[] {
  const found: FlagValue[] = [];
  for (let at = 0; at < words.length; at++) {
    const { text, origin } = words[at] ?? { text: "" };
    if (text === "--" && at + 1 < words.length) throw unknownCommand(words[at + 1]);
    if (text === "--") break;
    if (!text.startsWith("-") || text === "-") throw unknownCommand(words[at]);
    const { name, value, type } = nameOf(text, origin);
    if (value !== undefined) found.push({ name, type, value, origin });
    else if (hasOptionalValue(name, type)) found.push({ name, type, value: "true", origin });
    else {
      at++;
      const next = words[at];
      if (!next) throw refused(`flag needs an argument: --${name}`, origin);
      found.push({ name, type, value: next.text, origin: next.origin });
    }
  }
  return found;
}

function nameOf(
  text: string,
  origin: Origin | undefined,
): { name: string; type: KubeletFlagType; value: string | undefined } {
  if (!text.startsWith("--")) {
    // Of the short ones there are two.
    const short = /^-([vh])(?:=?(.+))?$/s.exec(text);
    if (!short) throw refused(`unknown shorthand flag in ${JSON.stringify(text.slice(0, 256))}`, origin);
    const [, letter, value] = short;
    return letter === "v" ? { name: "v", type: "other", value } : { name: "help", type: "flag", value };
  }
  const end = text.indexOf("=");
  const written = end < 0 ? text.slice(2) : text.slice(2, end);
  const name = written.replaceAll("_", "-");
  const type = KUBELET_FLAGS.get(name);
  if (type === undefined) throw refused(`unknown flag: --${name.slice(0, 256)}`, origin);
  return { name, type, value: end < 0 ? undefined : text.slice(end + 1) };
}

type Unfit = (why: string) => ConfigError;

function booleanOf(text: string, unfit: Unfit): boolean {
  if (/^(?:1|t|T|TRUE|true|True)$/.test(text)) return true;
  if (/^(?:0|f|F|FALSE|false|False)$/.test(text)) return false;
  throw unfit(`${JSON.stringify(text.slice(0, 256))} is neither true nor false`);
}

function integerOf(text: string, bits: bigint, unfit: Unfit): bigint {
  const match = /^([-+]?)(0[xX][0-9a-fA-F]{1,16}|0[bB][01]{1,64}|0[oO]?[0-7]{1,22}|[0-9]{1,19})$/.exec(text);
  const [, sign = "", digits = ""] = match ?? [];
  if (!match || /^0[89]/.test(digits))
    throw unfit(`${JSON.stringify(text.slice(0, 256))} is no whole number`);
  const value = BigInt(/^0[0-7]/.test(digits) ? `0o${digits.slice(1)}` : digits.toLowerCase());
  const signed = sign === "-" ? -value : value;
  if (signed >= 2n ** bits || signed < -(2n ** bits)) throw unfit("the number is out of range");
  return signed;
}

/** A line of comma-separated values: fields may be quoted, and quotes in them are doubled. */
function fieldsOf(text: string, unfit: Unfit): string[] {
  if (text === "") return [];
  const fields: string[] = [];
  for (let rest = text; ; ) {
    const match = /^(?:"((?:[^"]|"")*)"|([^",\n\r]*))(,|$)/.exec(rest);
    if (!match) throw unfit("it is no line of comma-separated values");
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? "");
    if (match[3] === "") return fields;
    rest = rest.slice(match[0].length);
  }
}

function gatesOf(text: string, unfit: Unfit): [gate: string, isOn: boolean][] {
  const parts = text.split(",").filter((part) => part !== "");
  return parts.map((part) => {
    const end = part.indexOf("=");
    if (end < 0) throw unfit(`malformed pair, expect string=bool`);
    return [part.slice(0, end).trim(), booleanOf(part.slice(end + 1).trim(), unfit)];
  });
}

function unknownCommand(word: CommandWord | undefined): ConfigError {
  return new ConfigError("ERR_CONFIG_INVALID", `unknown command ${(word?.text ?? "").slice(0, 256)}`, {
    origin: word?.origin,
  });
}

function refused(why: string, origin: Origin | undefined): ConfigError {
  return new ConfigError("ERR_CONFIG_INVALID", `failed to parse kubelet flag: ${why}`, { origin });
}
