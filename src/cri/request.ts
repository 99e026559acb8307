/**
 * From the plain data of a caller to the bytes of a request.
 *
 * A field that its message does not have is refused here, at any depth: a misspelt `securityContext` would
 * otherwise be dropped without a word, and the container would run without it.
 *
 * @module
 */
import {
  create,
  type DescField,
  type DescMessage,
  isMessage,
  type Message,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";

/** A request, and what of it must not be seen in errors. */
export interface EncodedRequest {
  bytes: Uint8Array;
  secrets: readonly string[];
}

/**
 * The bytes of a request.
 *
 * @throws {TypeError} for a field that the message does not have or a value that does not fit its type. The text
 * names the field and never the value.
 */
export function encodeRequest<I extends DescMessage>(schema: I, init: MessageInitShape<I>): EncodedRequest {
  checkFields(schema, init, schema.name);
  let message: MessageShape<I>;
  let bytes: Uint8Array;
  try {
    message = create(schema, init);
    bytes = toBinary(schema, message);
  } catch (error) {
    throw new TypeError(`${schema.name}${fieldOf(error)} has a value that does not fit its type`);
  }
  return { bytes, secrets: secretsOf(schema, message) };
}

/** Where an encoding error lies, as far as it says. */
function fieldOf(error: unknown): string {
  if (typeof error !== "object" || error === null || !("field" in error)) return "";
  const field = typeof error.field === "function" ? error.field() : undefined;
  return typeof field?.localName === "string" ? `: ${field.parent.name}.${field.localName}` : "";
}

type Fields = Record<string, unknown>;

function checkFields(schema: DescMessage, value: unknown, path: string): void {
  if (typeof value !== "object" || value === null || Array.isArray(value) || ArrayBuffer.isView(value)) {
    throw new TypeError(`${path} is not an object`);
  }
  const fields: Readonly<Record<string, DescField>> = schema.field;
  for (const [name, item] of Object.entries(value)) {
    if (name === "$typeName" || name === "$unknown") continue;
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (!field) throw new TypeError(`${path} has no field ${JSON.stringify(name)}`);
    if (item !== undefined) checkField(field, item, `${path}.${name}`);
  }
}

function checkField(field: DescField, item: unknown, path: string): void {
  if (field.fieldKind === "list") {
    if (!Array.isArray(item)) throw new TypeError(`${path} is not an array`);
    if (!field.message) return;
    for (const [at, entry] of item.entries()) checkFields(field.message, entry, `${path}[${at}]`);
  } else if (field.fieldKind === "map") {
    if (typeof item !== "object" || item === null || Array.isArray(item) || item instanceof Map) {
      throw new TypeError(`${path} is not an object`);
    }
  } else if (field.message) {
    checkFields(field.message, item, path);
  } else if (field.fieldKind === "enum" && !Number.isInteger(item)) {
    throw new TypeError(`${path} is not a number of an enum`);
  }
}

/** Values of the fields that are marked as secrets, and the forms in which they travel. */
function secretsOf(schema: DescMessage, message: Message): string[] {
  const secrets = new Set<string>();
  collect(schema, message, secrets);
  secrets.delete("");
  return [...secrets];
}

function collect(schema: DescMessage, message: Message, secrets: Set<string>): void {
  const values = message as unknown as Fields;
  for (const field of schema.fields) {
    const value = values[field.localName];
    if (field.proto.options?.debugRedact && typeof value === "string") {
      for (const form of formsOf(value, values["username"])) secrets.add(form);
    } else if (field.message) {
      for (const item of field.fieldKind === "list" && Array.isArray(value) ? value : [value]) {
        if (isMessage(item, field.message)) collect(field.message, item, secrets);
      }
    }
  }
}

/** A secret as it is, in a URL, as the password of basic credentials, and what such credentials say. */
function formsOf(secret: string, username: unknown): string[] {
  if (secret === "") return [];
  // By way of UTF-8, since a lone surrogate cannot stand in a URL.
  const forms = [secret, encodeURIComponent(Buffer.from(secret, "utf8").toString("utf8"))];
  if (typeof username === "string") forms.push(base64(`${username}:${secret}`), base64(`:${secret}`));
  const decoded = Buffer.from(secret, "base64").toString("utf8");
  const colon = decoded.indexOf(":");
  if (colon >= 0 && base64(decoded) === secret) forms.push(decoded.slice(colon + 1));
  return forms;
}

function base64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}
