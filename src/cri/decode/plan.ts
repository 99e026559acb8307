/**
 * What there is to know of a message before its bytes are read, taken from its descriptor.
 *
 * @module
 */
import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";

/** What one item of a field is. */
export type ItemKind =
  | "string"
  | "bytes"
  | "bool"
  | "int32"
  | "uint32"
  | "int64"
  | "uint64"
  | "double"
  | "message"
  | "entry";

/** A field of a message. */
export interface FieldPlan {
  readonly name: string;
  readonly kind: ItemKind;
  /** Whether it is a list. A map, whose items are entries, is not. */
  readonly repeated: boolean;
  /** Of the message that an item is. */
  readonly message: MessagePlan | undefined;
}

/** A message. */
export interface MessagePlan {
  /** All fields that the message has if nothing is in it; lists and maps are to be put in their places. */
  readonly empty: Readonly<Record<string, unknown>>;
  readonly lists: readonly string[];
  readonly maps: readonly string[];
  /** The fields by their numbers. */
  readonly fields: readonly (FieldPlan | undefined)[];
}

const plans = new WeakMap<DescMessage, MessagePlan>();

/**
 * The plan for a message; the same one each time.
 *
 * @throws {TypeError} for a message with parts that the interface does not use: alternatives, presence of scalars,
 * groups, closed enumerations, maps of other than strings to strings, numbers of fixed length.
 */
export function planOf(schema: DescMessage): MessagePlan {
  const known = plans.get(schema);
  if (known) return known;
  const made = new Map<DescMessage, MessagePlan>();
  const plan = makePlan(schema, made);
  // Not before all of them are complete.
  for (const [each, its] of made) plans.set(each, its);
  return plan;
}

function makePlan(schema: DescMessage, made: Map<DescMessage, MessagePlan>): MessagePlan {
  const known = plans.get(schema) ?? made.get(schema);
  if (known) return known;
  const empty: Record<string, unknown> = { $typeName: schema.typeName };
  const lists: string[] = [];
  const maps: string[] = [];
  const fields: (FieldPlan | undefined)[] = [];
  const plan: MessagePlan = { empty, lists, maps, fields };
  // Before its fields, which may be of the same message.
  made.set(schema, plan);
  for (const field of schema.fields) {
    const name = field.localName;
    const kind = kindOf(field);
    const repeated = field.fieldKind === "list";
    const message = kind === "message" && field.message ? makePlan(field.message, made) : undefined;
    fields[field.number] = { name, kind, repeated, message };
    if (repeated) lists.push(name);
    else if (kind === "entry") maps.push(name);
    if (repeated || kind === "entry") empty[name] = undefined;
    else if (kind !== "message") empty[name] = EMPTY[kind];
  }
  return plan;
}

const EMPTY = {
  string: "",
  bytes: new Uint8Array(0),
  bool: false,
  int32: 0,
  uint32: 0,
  int64: 0n,
  uint64: 0n,
  double: 0,
} as const;

const SCALARS: ReadonlyMap<ScalarType | undefined, keyof typeof EMPTY> = new Map([
  [ScalarType.STRING, "string"],
  [ScalarType.BYTES, "bytes"],
  [ScalarType.BOOL, "bool"],
  [ScalarType.INT32, "int32"],
  [ScalarType.UINT32, "uint32"],
  [ScalarType.INT64, "int64"],
  [ScalarType.UINT64, "uint64"],
  [ScalarType.DOUBLE, "double"],
]);

function kindOf(field: DescField): ItemKind {
  const kind = field.fieldKind === "map" ? entryKind(field) : itemKind(field);
  // In proto3 a message may be absent; anything else with presence is marked as optional.
  const optional = field.proto.proto3Optional || field.oneof !== undefined;
  if (kind === undefined || optional || field.parent.file.proto.syntax !== "proto3") {
    throw new TypeError(`${field} is of a kind that the interface does not use`);
  }
  return kind;
}

function entryKind(field: DescField & { fieldKind: "map" }): ItemKind | undefined {
  return field.mapKey === ScalarType.STRING && field.scalar === ScalarType.STRING ? "entry" : undefined;
}

function itemKind(field: DescField): ItemKind | undefined {
  if (field.message) return "message";
  return field.enum ? "int32" : SCALARS.get(field.scalar);
}
