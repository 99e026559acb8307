/** Which fields a policy has: read off its types, so that a new one cannot be forgotten. */
import { resolve } from "node:path";
import ts from "typescript";

const TYPES = resolve(import.meta.dirname, "../../src/policy/types.ts");

/**
 * Every field of a requirement, as a path: `sigstoreSigned.trust<pki>.caRoots<path>.path`. In angle brackets stands
 * which of several forms it is; lists end in `[]`.
 */
export function fieldsOfTypes(): Set<string> {
  const program = ts.createProgram([TYPES], { strict: true, noLib: false, target: ts.ScriptTarget.ES2023 });
  const checker = program.getTypeChecker();
  const file = program.getSourceFile(TYPES);
  const symbol = file && checker.getSymbolAtLocation(file);
  const exported = symbol && checker.getExportsOfModule(symbol);
  const requirement = exported?.find(({ name }) => name === "PolicyRequirement");
  if (!requirement) throw new Error("no type PolicyRequirement");
  const found = new Set<string>();
  const visit = (type: ts.Type, path: string): void => {
    if (type.isUnion() && !type.types.every((each) => each.isStringLiteral())) {
      for (const each of type.types) if (!(each.flags & ts.TypeFlags.Undefined)) visit(each, path);
      return;
    }
    const name = type.symbol?.name;
    const isText = (type.flags & ts.TypeFlags.StringLike) !== 0 || type.isUnion();
    if (isText || name === "Uint8Array") {
      found.add(path);
      return;
    }
    const [entry] = checker.getTypeArguments(type as ts.TypeReference);
    if (name === "ReadonlyArray" && entry) {
      visit(entry, `${path}[]`);
      return;
    }
    const properties = type.getProperties();
    if (properties.length === 0 || !(type.flags & ts.TypeFlags.Object)) {
      throw new Error(`${path}: ${checker.typeToString(type)} is no kind of field that this test knows`);
    }
    const form = formOf(checker, type);
    for (const property of properties) {
      visit(
        checker.getTypeOfSymbol(property),
        `${form === undefined ? path : `${path}<${form}>`}.${property.name}`,
      );
    }
  };
  visit(checker.getDeclaredTypeOfSymbol(requirement), "");
  return new Set([...found].map(tidy));
}

/** The literal `type` or `kind` of a type. */
function formOf(checker: ts.TypeChecker, type: ts.Type): string | undefined {
  for (const name of ["type", "kind"]) {
    const property = type.getProperty(name);
    const value = property && checker.getTypeOfSymbol(property);
    if (value?.isStringLiteral()) return value.value;
  }
  return undefined;
}

/** A field of a value, and how to put something else in its place. */
export interface Field {
  readonly path: string;
  readonly value: string | Uint8Array;
  /** A copy of the whole in which this field alone is another. */
  replaced(value: unknown): unknown;
}

/** Every field of a requirement that was read. */
export function fieldsOfValue(requirement: object): Field[] {
  const fields: Field[] = [];
  const visit = (value: unknown, path: string, rebuild: (value: unknown) => unknown): void => {
    if (typeof value === "string" || value instanceof Uint8Array) {
      fields.push({ path: tidy(path), value, replaced: rebuild });
    } else if (Array.isArray(value)) {
      for (const [at, entry] of value.entries()) {
        visit(entry, `${path}[]`, (other) =>
          rebuild(value.map((old: unknown, i) => (i === at ? other : old))),
        );
      }
    } else if (typeof value === "object" && value !== null) {
      const members = value as Record<string, unknown>;
      const form = members["type"] ?? members["kind"];
      for (const [name, member] of Object.entries(members)) {
        const below = `${typeof form === "string" ? `${path}<${form}>` : path}.${name}`;
        visit(member, below, (other) => rebuild({ ...members, [name]: other }));
      }
    } else {
      throw new Error(`${path}: ${typeof value} is no kind of field that this test knows`);
    }
  };
  visit(requirement, "", (value) => value);
  return fields;
}

/** `<reject>.type` as `reject.type`. */
function tidy(path: string): string {
  return path.replace(/^<([^>]+)>/, "$1");
}

/** Functions of the parser whose arguments name members. */
const NAMING = ["keyReaders", "dataReaders", "readTexts", "readStrict"];

/** Every member name that the parser's own tables have, read off its source texts. */
export function membersOfParser(sources: readonly string[]): Set<string> {
  const names = new Set<string>();
  const collect = (node: ts.Node): void => {
    if (ts.isStringLiteral(node)) names.add(node.text);
    else if (ts.isArrayLiteralExpression(node)) node.elements.forEach(collect);
    else if (ts.isObjectLiteralExpression(node)) {
      for (const property of node.properties) {
        const { name } = property;
        if (name && (ts.isIdentifier(name) || ts.isStringLiteral(name))) names.add(name.text);
      }
    }
  };
  for (const source of sources) {
    const visit = (node: ts.Node): void => {
      if (ts.isCallExpression(node) && NAMING.includes(node.expression.getText())) {
        // The options of `readStrict` name members of its own.
        const end = node.expression.getText() === "readStrict" ? 2 : undefined;
        node.arguments.slice(0, end).forEach(collect);
      }
      ts.forEachChild(node, visit);
    };
    visit(ts.createSourceFile("parse.ts", source, ts.ScriptTarget.Latest, true));
  }
  return names;
}
