/**
 * From the plain data of a caller to the bytes of a request, and to what of it no error may show.
 *
 * @module
 */
import {
  create,
  type DescMessage,
  isMessage,
  type Message,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import { checkMessage } from "./fields.ts";

/** A request, and what of it must not be seen in errors. */
export interface EncodedRequest {
  bytes: Uint8Array;
  secrets: readonly string[];
}

/**
 * The bytes of a request.
 *
 * @throws {TypeError} for a field that the message does not have, at any depth (a misspelt `securityContext` would
 * otherwise be dropped without a word, and the container would run without it), and for a value that does not fit
 * its type.
 */
export function encodeRequest<I extends DescMessage>(schema: I, init: MessageInitShape<I>): EncodedRequest {
  checkMessage(schema, init, schema.name);
  const message = create(schema, init);
  const bytes = toBinary(schema, message);
  return { bytes, secrets: secretsOf(schema, message) };
}

type Fields = Record<string, unknown>;

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
