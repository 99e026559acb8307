/**
 * Compares a .proto with a table of the CRI contract, item by item and in both directions:
 * `node test/vectors/compare-cri-contract.ts TABLE.json FILE.proto`.
 *
 * Compared are package and syntax; services and RPCs with their types and streaming; messages and fields with
 * number, label, type, oneof, the deprecated and debug_redact options; enums and their values. Every difference
 * is a line on stdout, and any difference makes the exit code 1; 2 is for a wrong call.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createFileRegistry,
  type DescEnum,
  type DescField,
  type DescFile,
  type DescMessage,
  fromBinary,
  ScalarType,
} from "@bufbuild/protobuf";
import { type FieldOptions, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

interface TableEnum {
  name: string;
  values: { name: string; number: number }[];
}

interface TableField {
  name: string;
  number: number;
  label: "singular" | "repeated" | "map";
  type: string;
  kind: "scalar" | "message" | "enum";
  keyType?: string;
  oneof: string | null;
  deprecated: boolean;
  debugRedact?: boolean;
}

interface TableMessage {
  name: string;
  fields: TableField[];
  enums?: TableEnum[];
}

/** What is read of a table; its notes and `since` marks are for people. */
export interface ContractTable {
  syntax: string;
  package: string;
  services: {
    name: string;
    rpcs: {
      name: string;
      request: string;
      response: string;
      clientStreaming: boolean;
      serverStreaming: boolean;
    }[];
  }[];
  messages: TableMessage[];
  enums: TableEnum[];
}

/** Path of an item to what is compared of it, such as `message Mount field host_path` to its number and type. */
type Items = Map<string, string>;

/** Compiles one .proto file without any network. Throws with the compiler's message if it does not compile. */
export function compileProto(path: string): DescFile {
  const folder = mkdtempSync(join(tmpdir(), "lading-proto-"));
  try {
    const buf = join(import.meta.dirname, "../../node_modules/@bufbuild/buf/bin/buf");
    const output = join(folder, "image.binpb");
    const run = spawnSync(process.execPath, [buf, "build", path, "-o", output], {
      encoding: "utf8",
      env: { ...process.env, BUF_CACHE_DIR: join(folder, "cache") },
    });
    if (run.status !== 0) throw new Error(`${path} does not compile: ${run.stderr}`);
    const set = fromBinary(FileDescriptorSetSchema, readFileSync(output));
    const registry = createFileRegistry(set);
    const files = [...registry.files];
    const wanted = set.file.at(-1)?.name.replace(/\.proto$/, "");
    const file = files.find((candidate) => candidate.name === wanted);
    if (files.length !== 1 || !file) throw new Error(`${path} is not one self-contained file`);
    return file;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Every difference between a table and a compiled file, one text each; empty when they are equal. */
export function compareContract(table: ContractTable, file: DescFile): string[] {
  const want = itemsOfTable(table);
  const have = itemsOfFile(file);
  const differences: string[] = [];
  for (const [path, text] of want) {
    const found = have.get(path);
    if (found === undefined) differences.push(`${path}: only in the table (${text})`);
    else if (found !== text) differences.push(`${path}: table says ${text}, proto says ${found}`);
  }
  for (const [path, text] of have) {
    if (!want.has(path)) differences.push(`${path}: only in the proto (${text})`);
  }
  return differences;
}

function add(items: Items, path: string, text: string): void {
  if (items.has(path)) throw new Error(`${path} is there twice`);
  items.set(path, text);
}

function itemsOfTable(table: ContractTable): Items {
  const items: Items = new Map();
  add(items, "file", `${table.syntax} ${table.package}`);
  for (const service of table.services) {
    add(items, `service ${service.name}`, "");
    for (const rpc of service.rpcs) {
      const request = (rpc.clientStreaming ? "stream " : "") + rpc.request;
      const response = (rpc.serverStreaming ? "stream " : "") + rpc.response;
      add(items, `service ${service.name} rpc ${rpc.name}`, `(${request}) returns (${response})`);
    }
  }
  for (const message of table.messages) {
    const path = `message ${message.name}`;
    add(items, path, "");
    for (const field of message.fields) {
      add(items, `${path} field ${field.name}`, tableField(field, message));
    }
    for (const nested of message.enums ?? []) addEnum(items, `${message.name}.${nested.name}`, nested.values);
  }
  for (const top of table.enums) addEnum(items, top.name, top.values);
  return items;
}

function tableField(field: TableField, message: TableMessage): string {
  // A table names a type as the message would: an enum of the message itself goes by its bare name.
  const nested = message.enums?.some((candidate) => candidate.name === field.type);
  const type = nested ? `${message.name}.${field.type}` : field.type;
  const key = field.label === "map" ? `<${field.keyType}>` : "";
  return describe({
    number: field.number,
    type: `${field.label}${key} ${field.kind} ${type}`,
    oneof: field.oneof,
    deprecated: field.deprecated,
    redacted: field.debugRedact ?? false,
  });
}

function itemsOfFile(file: DescFile): Items {
  const items: Items = new Map();
  add(items, "file", `${file.proto.syntax || "proto2"} ${file.proto.package}`);
  for (const service of file.services) {
    add(items, `service ${service.name}`, "");
    for (const { name, input, output, proto } of service.methods) {
      const request = (proto.clientStreaming ? "stream " : "") + input.name;
      const response = (proto.serverStreaming ? "stream " : "") + output.name;
      add(items, `service ${service.name} rpc ${name}`, `(${request}) returns (${response})`);
    }
  }
  for (const message of file.messages) addMessage(items, message, "");
  for (const top of file.enums) addEnum(items, top.name, top.values);
  if (file.extensions.length > 0) add(items, "extensions", String(file.extensions.length));
  return items;
}

function addMessage(items: Items, message: DescMessage, parent: string): void {
  const name = parent + message.name;
  add(items, `message ${name}`, "");
  for (const field of message.fields) add(items, `message ${name} field ${field.name}`, protoField(field));
  for (const nested of message.nestedEnums) addEnum(items, `${name}.${nested.name}`, nested.values);
  for (const nested of message.nestedMessages) addMessage(items, nested, `${name}.`);
}

function addEnum(
  items: Items,
  name: string,
  values: readonly { readonly name: string; readonly number: number }[],
): void {
  add(items, `enum ${name}`, "");
  for (const value of values) add(items, `enum ${name} value ${value.name}`, String(value.number));
}

function protoField(field: DescField): string {
  const options: FieldOptions | undefined = field.proto.options;
  return describe({
    number: field.number,
    type: protoType(field),
    oneof: field.oneof?.name ?? (field.proto.proto3Optional ? "(optional)" : null),
    deprecated: field.deprecated,
    redacted: options?.debugRedact ?? false,
  });
}

function protoType(field: DescField): string {
  switch (field.fieldKind) {
    case "scalar":
      return `singular scalar ${scalarName(field.scalar)}`;
    case "enum":
      return `singular enum ${localName(field.enum)}`;
    case "message":
      return `singular message ${localName(field.message)}`;
    case "list":
      return `repeated ${elementType(field.scalar, field.enum ?? field.message)}`;
    case "map":
      return `map<${scalarName(field.mapKey)}> ${elementType(field.scalar, field.enum ?? field.message)}`;
  }
}

function elementType(scalar: ScalarType | undefined, type: DescEnum | DescMessage | undefined): string {
  if (scalar !== undefined) return `scalar ${scalarName(scalar)}`;
  return type ? `${type.kind} ${localName(type)}` : "nothing";
}

function scalarName(scalar: ScalarType): string {
  return (ScalarType[scalar] ?? String(scalar)).toLowerCase();
}

/** The name of a type as it is written in its own package. */
function localName(type: DescEnum | DescMessage): string {
  const scope = `${type.file.proto.package}.`;
  return type.typeName.startsWith(scope) ? type.typeName.slice(scope.length) : type.typeName;
}

interface FieldItem {
  number: number;
  type: string;
  oneof: string | null;
  deprecated: boolean;
  redacted: boolean;
}

function describe({ number, type, oneof, deprecated, redacted }: FieldItem): string {
  const marks = [
    oneof === null ? "" : ` oneof ${oneof}`,
    deprecated ? " deprecated" : "",
    redacted ? " debug_redact" : "",
  ];
  return `${number} ${type}${marks.join("")}`;
}

if (process.argv[1] === import.meta.filename) {
  const [tablePath, protoPath] = process.argv.slice(2);
  if (!tablePath || !protoPath) {
    console.error("usage: node test/vectors/compare-cri-contract.ts TABLE.json FILE.proto");
    process.exit(2);
  }
  const table: ContractTable = JSON.parse(readFileSync(tablePath, "utf8"));
  const differences = compareContract(table, compileProto(protoPath));
  for (const difference of differences) console.log(difference);
  const items = itemsOfTable(table).size;
  console.log(`${protoPath}: ${items} items in the table, ${differences.length} differences`);
  process.exitCode = differences.length > 0 ? 1 : 0;
}
