/**
 * Settings by flag and key: a flag goes before a file, and a file before what the kubelet is set to.
 *
 * @module
 */
import { type DataNode, type DataObject, memberAt } from "../data/tree.ts";
import type { Origin } from "../origin.ts";
import type { KubeletFlags } from "./flags.ts";
import type { KubeletSetting } from "./types.ts";

/** Reads settings, each by the name of its flag and its dotted key; either may be missing. */
export interface SettingReader {
  text(
    flag: string | undefined,
    key: string | undefined,
    otherwise: string,
    options?: { emptyIsSet?: boolean },
  ): KubeletSetting<string>;
  flag(flag: string | undefined, key: string, otherwise: boolean): KubeletSetting<boolean>;
  integer(
    flag: string | undefined,
    key: string,
    otherwise: bigint,
    options?: { zeroIsDefault?: boolean },
  ): KubeletSetting<bigint>;
  list(flag: string | undefined, key: string): readonly KubeletSetting<string>[];
}

/** A reader of a checked file and flags. An empty text of a file is none, unless it is said to be one. */
export function settingReader(file: DataObject, flags: KubeletFlags): SettingReader {
  const nodeAt = (key: string | undefined): DataNode | undefined =>
    key === undefined ? undefined : memberAt(file, ...key.split("."));
  const given = <T>(map: ReadonlyMap<string, T>, flag: string | undefined): T | undefined =>
    flag === undefined ? undefined : map.get(flag);
  return {
    text(flag, key, otherwise, { emptyIsSet = false } = {}) {
      const byFlag = given(flags.texts, flag);
      if (byFlag) return byFlag;
      const node = nodeAt(key);
      const isSet = node?.kind === "string" && (emptyIsSet || node.value !== "");
      return isSet ? { value: node.value, ...placed(node.origin) } : { value: otherwise };
    },
    flag(flag, key, otherwise) {
      const byFlag = given(flags.flags, flag);
      if (byFlag) return byFlag;
      const node = nodeAt(key);
      return node?.kind === "boolean" ? { value: node.value, ...placed(node.origin) } : { value: otherwise };
    },
    integer(flag, key, otherwise, { zeroIsDefault = false } = {}) {
      const byFlag = given(flags.integers, flag);
      if (byFlag) return byFlag;
      const node = nodeAt(key);
      if (node?.kind !== "number") return { value: otherwise };
      const value = BigInt(node.value);
      return value === 0n && zeroIsDefault ? { value: otherwise } : { value, ...placed(node.origin) };
    },
    list(flag, key) {
      const byFlag = given(flags.lists, flag);
      if (byFlag) return byFlag;
      const node = nodeAt(key);
      if (node?.kind !== "list") return [];
      // A null among texts is an empty one.
      return node.items.map((item) => {
        return { value: item.kind === "string" ? item.value : "", ...placed(item.origin) };
      });
    },
  };
}

/** What no file says has no place. */
function placed(origin: Origin): { origin?: Origin } {
  return origin.file === "" ? {} : { origin };
}
