/** Valid documents, then each single change that breaks a rule: the validator must find it where it was made. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../src/core/digest.ts";
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST } from "../../src/core/media-types.ts";
import { type DocumentKind, validateDocument } from "../../src/oci/documents/validate.ts";

const digest = digestOf("x");
const descriptor = {
  mediaType: OCI_LAYER,
  digest,
  size: 1,
  urls: ["https://example.com/x"],
  annotations: { a: "b" },
  data: "eA==",
  artifactType: "a/b",
  platform: { architecture: "arm", os: "linux", "os.version": "1", "os.features": ["f"], variant: "v7" },
};
const common = { schemaVersion: 2, artifactType: "a/b", subject: descriptor, annotations: { a: "b" } };
const DOCUMENTS: Readonly<Record<DocumentKind, object>> = {
  descriptor,
  manifest: {
    ...common,
    mediaType: OCI_MANIFEST,
    config: { ...descriptor, mediaType: OCI_CONFIG },
    layers: [descriptor],
  },
  index: { ...common, mediaType: OCI_INDEX, manifests: [descriptor] },
  config: {
    created: "2024-01-01T00:00:00Z",
    author: "a",
    architecture: "arm",
    os: "linux",
    "os.version": "1",
    "os.features": ["f"],
    variant: "v7",
    config: {
      User: "u",
      ExposedPorts: { "80/tcp": {} },
      Env: ["A=b"],
      Entrypoint: ["e"],
      Cmd: ["c"],
      Volumes: { "/v": {} },
      WorkingDir: "/",
      Labels: { a: "b" },
      StopSignal: "TERM",
      ArgsEscaped: false,
      Healthcheck: { Test: ["NONE"], Interval: 1, Timeout: 1, StartPeriod: 1, StartInterval: 1, Retries: 1 },
      OnBuild: ["o"],
      Shell: ["s"],
      StopTimeout: 1,
      Memory: 1,
      MemorySwap: 1,
      CpuShares: 1,
    },
    rootfs: { type: "layers", diff_ids: [digest] },
    history: [
      {
        created: "2024-01-01T00:00:00Z",
        created_by: "c",
        author: "a",
        comment: "d",
        empty_layer: false,
      },
    ],
  },
  layout: { imageLayoutVersion: "1.0.0" },
};
/** Members that must be there; all others may be absent. */
const REQUIRED: ReadonlySet<string> = new Set([
  ..."mediaType digest size architecture os schemaVersion config layers manifests".split(" "),
  ..."rootfs type diff_ids imageLayoutVersion".split(" "),
]);

/** Every value below a document, with the path to it. */
function* places(value: unknown, path: (string | number)[] = []): Generator<(string | number)[], void> {
  if (path.length > 0) yield path;
  if (Array.isArray(value)) for (const [at, item] of value.entries()) yield* places(item, [...path, at]);
  else if (typeof value === "object" && value !== null) {
    for (const [key, member] of Object.entries(value)) yield* places(member, [...path, key]);
  }
}

/** A copy of a document in which one value is another one, or is not there. */
function changed(document: unknown, [step, ...rest]: (string | number)[], to: unknown): unknown {
  if (step === undefined) return to;
  if (Array.isArray(document))
    return document.map((item, at) => (at === step ? changed(item, rest, to) : item));
  const members = document as Record<string, unknown>;
  return { ...members, [step]: changed(members[step], rest, to) };
}

function valueAt(document: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((value, step) => (value as Record<string | number, unknown>)[step], document);
}

async function verdictOf(kind: DocumentKind, document: unknown) {
  return await validateDocument(kind, Buffer.from(JSON.stringify(document)));
}

for (const [name, document] of Object.entries(DOCUMENTS)) {
  const kind = name as DocumentKind;
  test(`${kind}: a value of another type is found where it stands`, async () => {
    assert.equal((await verdictOf(kind, document)).kind, "valid");
    let tried = 0;
    for (const path of places(document)) {
      const wrong = typeof valueAt(document, path) === "string" ? 7 : "seven";
      const { kind: verdict, problems } = await verdictOf(kind, changed(document, path, wrong));
      assert.equal(verdict, "invalid", path.join("."));
      const segments = path.map((step) => (typeof step === "number" ? `[${step}]` : `['${step}']`));
      const place = `$${segments.join("")}`;
      assert.ok(
        problems.some(({ level, position }) => level === "error" && position.path === place),
        place,
      );
      tried++;
    }
    assert.ok(tried > 0);
  });

  test(`${kind}: a member that is required, and no other, must be there`, async () => {
    for (const path of places(document)) {
      const last = path.at(-1) ?? "";
      if (typeof last === "number" || path.includes("annotations") || path.includes("Labels")) continue;
      const { kind: verdict } = await verdictOf(kind, changed(document, path, undefined));
      // The configuration of a container is optional in an image's; its own name is that of a manifest's member.
      const isRequired = REQUIRED.has(String(last)) && !(kind === "config" && path.join(".") === "config");
      const isType = last === "mediaType" && path.length === 1 && kind !== "descriptor";
      assert.equal(verdict, isRequired && !isType ? "invalid" : "valid", `${kind} ${path.join(".")}`);
    }
  });
}

test("values of the right type and outside their rules", async () => {
  const changes: [DocumentKind, (string | number)[], unknown][] = [
    ["descriptor", ["mediaType"], "text"],
    ["descriptor", ["mediaType"], "a/b; charset=utf-8"],
    ["descriptor", ["digest"], "sha256:x"],
    ["descriptor", ["digest"], digest.toUpperCase()],
    ["descriptor", ["digest"], `sha512:${"0".repeat(64)}`],
    ["descriptor", ["size"], -1],
    ["descriptor", ["size"], 1.5],
    ["descriptor", ["size"], 2 ** 53],
    ["descriptor", ["size"], 2],
    ["descriptor", ["urls"], ["no url"]],
    ["descriptor", ["data"], "eA="],
    ["descriptor", ["data"], "eQ=="],
    ["descriptor", ["artifactType"], "b"],
    ["manifest", ["schemaVersion"], 1],
    ["manifest", ["mediaType"], OCI_INDEX],
    ["manifest", ["mediaType"], "application/json"],
    ["index", ["mediaType"], OCI_MANIFEST],
    ["config", ["created"], "2024-13-01T00:00:00Z"],
    ["config", ["created"], "2024-04-31T00:00:00Z"],
    ["config", ["config", "Env"], ["novalue"]],
    ["config", ["config", "Env"], ["=b"]],
    ["config", ["rootfs", "type"], "tree"],
    ["config", ["rootfs", "diff_ids"], ["sha256:../../x"]],
  ];
  for (const [kind, path, to] of changes) {
    const { kind: verdict } = await verdictOf(kind, changed(DOCUMENTS[kind], path, to));
    assert.equal(verdict, "invalid", `${kind} ${path.join(".")} ${String(to)}`);
  }
});
