/**
 * Reads JSON into places the way Go's encoding/json fills a struct.
 *
 * The engines that convert profiles are Go programs, and what they see in an odd file follows from these rules:
 *
 * - A member belongs to the field of exactly its name, else to the field that differs only in letter case
 *   (where U+017F counts as `s` and U+212A as `k`); any other member is ignored.
 * - A repeated member is read into the same place again: a text or number is replaced, an object is merged, and
 *   a list is filled from its start with the former elements still there.
 * - `null` empties a list or an optional value, and leaves everything else as it was.
 * - A whole number is digits only.
 *
 * A {@link Slot} is such a place.
 *
 * @see {@link https://pkg.go.dev/encoding/json@go1.25#Unmarshal}
 * @module
 */
import { type JsonNode, positionOf } from "../core/strict-json.ts";
import { SeccompError } from "./errors.ts";

/** A place that JSON values are read into, one after the other. */
export interface Slot<T> {
  /** Reads a value over what is there. */
  read(node: JsonNode): void;
  /** What is there now. */
  value(): T;
}

/** A text; empty at first. */
export function text(): Slot<string> {
  let held = "";
  return {
    read(node) {
      if (node.kind === "null") return;
      if (node.kind !== "string") throw wrongType(node, "string");
      held = node.value;
    },
    value: () => held,
  };
}

/** An unsigned 64-bit number; 0 at first. */
export function uint64(): Slot<bigint> {
  let held = 0n;
  return {
    read(node) {
      if (node.kind !== "null") held = readUint64(node);
    },
    value: () => held,
  };
}

/** A whole number from 0; 0 at first. More than 2^53-1 is refused, although Go takes up to 2^64-1. */
export function uint(): Slot<number> {
  let held = 0;
  return {
    read(node) {
      if (node.kind !== "null") held = readUint(node);
    },
    value: () => held,
  };
}

/** A value that may be absent: absent at first and after `null`, else what a place of its own holds. */
export function optional<T>(create: () => Slot<T>): Slot<T | undefined> {
  let inner: Slot<T> | undefined;
  return {
    read(node) {
      if (node.kind === "null") {
        inner = undefined;
        return;
      }
      inner ??= create();
      inner.read(node);
    },
    value: () => inner?.value(),
  };
}

/** An element of a list that must be there: `null` is refused, because the engines crash on it. */
export function present<T>(create: () => Slot<T>): Slot<T> {
  const inner = create();
  return {
    read(node) {
      if (node.kind === "null") throw wrongType(node, "object");
      inner.read(node);
    },
    value: inner.value,
  };
}

/**
 * A list; absent at first and after `null`.
 *
 * A list that is read once, as nearly all are, keeps values alone: with a place for each element, a profile of many
 * rules would take several times the memory of its text.
 */
export function list<T>(create: () => Slot<T>): Slot<T[] | undefined> {
  const read = (item: JsonNode): Slot<T> => {
    const element = create();
    element.read(item);
    return element;
  };
  let length: number | undefined;
  let once: { items: readonly JsonNode[]; values: T[] } | undefined;
  // Elements behind `length` are what a longer list left there: Go shows them again when the list grows.
  let elements: Slot<T>[] | undefined;
  return {
    read(node) {
      if (node.kind !== "null" && node.kind !== "array") throw wrongType(node, "array");
      const items = node.kind === "null" ? [] : node.items;
      length = node.kind === "null" ? undefined : items.length;
      if (items.length === 0) {
        once = undefined;
        elements = undefined;
      } else if (!once && !elements) {
        once = { items, values: items.map((item) => read(item).value()) };
      } else {
        const places = elements ?? (once ? once.items.map(read) : []);
        elements = places;
        items.forEach((item, at) => {
          const element = places[at] ?? create();
          places[at] = element;
          element.read(item);
        });
      }
    },
    value() {
      if (length === undefined) return undefined;
      return elements
        ? elements.slice(0, length).map((element) => element.value())
        : (once?.values.slice(0, length) ?? []);
    },
  };
}

/** The fields of an object: how the place of each is made, by the name it has. */
export type Fields = Readonly<Record<string, () => Slot<unknown>>>;

/** What a field holds; nothing for one that no member was read into. */
export type Held<F extends Fields> = <K extends keyof F & string>(
  name: K,
) => (ReturnType<F[K]> extends Slot<infer T> ? T : never) | undefined;

/** An object with fields; `value` puts together what they hold. Places are made for the members that there are. */
export function struct<F extends Fields, T>(fields: F, value: (held: Held<F>) => T): Slot<T> {
  const slots = new Map<string, Slot<unknown>>();
  const held = ((name) => slots.get(name)?.value()) as Held<F>;
  return {
    read(node) {
      if (node.kind === "null") return;
      if (node.kind !== "object") throw wrongType(node, "object");
      for (const member of node.members) {
        const name = fieldNamed(fields, member.key);
        if (name === undefined) continue;
        const slot = slots.get(name) ?? fields[name]?.();
        if (!slot) continue;
        slots.set(name, slot);
        slot.read(member.value);
      }
    },
    value: () => value(held),
  };
}

function fieldNamed(fields: Fields, key: string): string | undefined {
  if (Object.hasOwn(fields, key)) return key;
  // No field name is longer, and folding never makes a key longer.
  return key.length > 32 ? undefined : foldedNames(fields).get(foldCase(key));
}

const foldedBy = new WeakMap<object, ReadonlyMap<string, string>>();

/** The names of an object's members by what they fold to; worked out once for each object. */
export function foldedNames(names: Readonly<Record<string, unknown>>): ReadonlyMap<string, string> {
  let folded = foldedBy.get(names);
  if (!folded) {
    folded = new Map(Object.keys(names).map((name) => [foldCase(name), name]));
    foldedBy.set(names, folded);
  }
  return folded;
}

/** Letter case removed as Go does for ASCII names; not toLowerCase, which also folds U+0130 to `i`. */
export function foldCase(name: string): string {
  return name
    .replaceAll("\u017f", "s")
    .replaceAll("\u212a", "k")
    .replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function readUint64(node: JsonNode): bigint {
  // The length bound comes first: converting a million digits takes quadratic time.
  if (node.kind !== "number" || !/^[0-9]{1,20}$/.test(node.text)) {
    throw wrongType(node, "whole number from 0 to 2^64-1");
  }
  const value = BigInt(node.text);
  if (value > 0xffff_ffff_ffff_ffffn) throw wrongType(node, "whole number from 0 to 2^64-1");
  return value;
}

function readUint(node: JsonNode): number {
  const value = readUint64(node);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new SeccompError("ERR_SECCOMP_UNSUPPORTED", `${value} is more than 2^53-1`, {
      position: positionOf(node),
    });
  }
  return Number(value);
}

/** A value of another type than its field. */
export function wrongType(node: JsonNode, wanted: string): SeccompError {
  const position = positionOf(node);
  const got = node.kind === "number" ? `number ${node.text.slice(0, 32)}` : node.kind;
  return new SeccompError("ERR_SECCOMP_TYPE", `${wanted} expected at ${position.path}, got ${got}`, {
    position,
  });
}
