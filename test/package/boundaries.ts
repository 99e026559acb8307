/** Which module may import what: the arrows of the architecture, checked over source texts. */
import { posix } from "node:path";
import ts from "typescript";

/** What the files of a module may import besides each other. */
interface Boundary {
  modules: readonly string[];
  packages: readonly string[];
  /** Built-in modules of Node. Absent: all but those that load code. */
  builtins?: readonly string[];
}

/** `""` is the file `src/index.ts`. */
const BOUNDARIES: Readonly<Record<string, Boundary>> = {
  "": { modules: ["core"], packages: [], builtins: [] },
  core: { modules: [], packages: [], builtins: ["node:buffer", "node:crypto", "node:diagnostics_channel"] },
  cri: { modules: ["core"], packages: ["@grpc/grpc-js", "@bufbuild/protobuf", "re2js", "ws", "yaml"] },
  oci: { modules: ["core"], packages: ["ajv", "jose", "smol-toml", "tar-stream", "undici"] },
  policy: {
    modules: ["core", "oci"],
    packages: [
      "@sigstore/bundle",
      "@sigstore/protobuf-specs",
      "@sigstore/verify",
      "openpgp",
      "re2js",
      "yaml",
    ],
  },
  seccomp: { modules: ["core"], packages: ["ajv"] },
  config: { modules: ["core", "oci", "policy", "seccomp"], packages: ["smol-toml"] },
  explain: { modules: ["core", "oci", "policy", "seccomp", "config"], packages: [] },
  admission: { modules: ["core", "oci", "policy", "explain"], packages: [] },
  testing: {
    modules: ["core", "cri", "oci", "policy", "seccomp", "config", "explain", "admission"],
    packages: ["pkijs", "asn1js", "openpgp", "ws"],
  },
};

/** These load code by a name that no check of import statements sees. */
const LOADERS = ["node:module", "node:vm", "node:worker_threads"];

/** One import that crosses a boundary, as `file: reason`. Keys are paths such as `src/core/digest.ts`. */
export function findViolations(sources: ReadonlyMap<string, string>): string[] {
  return [...sources].flatMap(([path, text]) => {
    const module = moduleOf(path);
    const boundary = module === undefined ? undefined : BOUNDARIES[module];
    if (module === undefined || !boundary) return [`${path}: belongs to no module`];
    const refusals = specifiersOf(text).map((specifier) =>
      refusalOf(path, module, boundary, specifier, sources),
    );
    const computed = hasComputedImport(text) ? ["imports a computed name"] : [];
    return [...refusals, ...computed].filter((each) => each !== undefined).map((each) => `${path}: ${each}`);
  });
}

function refusalOf(
  path: string,
  module: string,
  boundary: Boundary,
  specifier: string,
  sources: ReadonlyMap<string, string>,
): string | undefined {
  if (specifier.startsWith(".")) {
    const target = posix.join(posix.dirname(path), specifier);
    const other = moduleOf(target);
    if (other === undefined || !sources.has(target)) return `imports ${specifier}, which is no source file`;
    return other === module || boundary.modules.includes(other)
      ? undefined
      : `imports ${specifier} of ${other}`;
  }
  if (specifier.startsWith("node:")) {
    const allowed = boundary.builtins?.includes(specifier) ?? !LOADERS.includes(specifier);
    return allowed ? undefined : `imports ${specifier}`;
  }
  const name = packageOf(specifier);
  return boundary.packages.includes(name) ? undefined : `imports the package ${name}`;
}

/** The names of a file's imports and re-exports, types and dynamic ones included. */
function specifiersOf(text: string): string[] {
  return ts.preProcessFile(text, true, true).importedFiles.map((file) => file.fileName);
}

function hasComputedImport(text: string): boolean {
  let found = false;
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node)) {
      const loads =
        node.expression.kind === ts.SyntaxKind.ImportKeyword ||
        (ts.isIdentifier(node.expression) && node.expression.text === "require");
      const [argument] = node.arguments;
      if (loads && !(argument && ts.isStringLiteralLike(argument))) found = true;
      if (/\bgetBuiltinModule$/.test(node.expression.getText())) found = true;
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile("file.ts", text, ts.ScriptTarget.Latest, true));
  return found;
}

function moduleOf(path: string): string | undefined {
  const match = /^src\/(?:index\.ts$|([^/]+)\/)/.exec(path);
  return match ? (match[1] ?? "") : undefined;
}

function packageOf(specifier: string): string {
  const [first = "", second = ""] = specifier.split("/");
  return first.startsWith("@") ? `${first}/${second}` : first;
}
