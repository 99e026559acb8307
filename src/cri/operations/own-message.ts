/**
 * Messages of the caller's, taken over.
 *
 * @module
 */
import { create, type DescMessage, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import { checkMessage } from "../fields.ts";

/**
 * A message with the values of plain data, a message, or a mixture such as `{ ...config, metadata: { name } }`, which
 * can be changed without changing these. Bytes are shared.
 *
 * @throws {TypeError} for what does not fit the message, unknown fields among it.
 */
export function ownMessage<S extends DescMessage>(schema: S, init: MessageInitShape<S>): MessageShape<S> {
  // Unknown fields would be gone after the copy.
  checkMessage(schema, init, schema.name);
  return create(schema, plainOf(schema, init) as MessageInitShape<S>);
}

type Fields = { [name: string]: unknown };

/** The values of a message as plain data, without the marks that make it count as complete. */
function plainOf(schema: DescMessage, value: object): Fields {
  const values = value as Fields;
  const plain: Fields = {};
  for (const field of schema.fields) {
    const item = values[field.localName];
    const { message } = field;
    if (item === undefined) continue;
    if (field.fieldKind === "map") plain[field.localName] = mapOf(message, item as Fields);
    else if (field.fieldKind === "list") {
      const items = item as readonly object[];
      plain[field.localName] = message ? items.map((each) => plainOf(message, each)) : [...items];
    } else plain[field.localName] = message ? plainOf(message, item as object) : item;
  }
  return plain;
}

function mapOf(message: DescMessage | undefined, map: Fields): Fields {
  const entries = Object.entries(map);
  // Own properties, whatever the keys are called.
  return Object.fromEntries(
    message ? entries.map(([key, item]) => [key, plainOf(message, item as object)]) : entries,
  );
}
