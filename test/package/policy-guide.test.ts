/** The guide to policies: its files are read, its programs compile, its functions, findings and texts are there. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import ts from "typescript";
import * as policy from "../../src/policy/index.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const guide = readFileSync(join(ROOT, "docs/policy.md"), "utf8");

const blocksOf = (language: string): string[] =>
  [...guide.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, "gms"))].map(([, text]) => text ?? "");

/** The first column of the rows of the table under a heading cell, with the other ones. */
function tableOf(head: string): string[][] {
  const lines = guide.split("\n");
  const start = lines.findIndex((line) => line.startsWith(`| ${head} |`));
  assert.ok(start >= 0, head);
  const rows: string[][] = [];
  for (const line of lines.slice(start + 2)) {
    if (!line.startsWith("|")) break;
    rows.push(
      line
        .slice(1, -1)
        .split("|")
        .map((cell) => cell.trim()),
    );
  }
  return rows;
}

const namesIn = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? "");

test("every file that it links and every example that it runs is there", () => {
  const links = [...guide.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, path]) =>
    join(ROOT, "docs", path ?? ""),
  );
  const programs = [...guide.matchAll(/examples\/[a-z/-]+\.ts/g)].map(([path]) => join(ROOT, path));
  assert.ok(links.length >= 8 && programs.length >= 6);
  for (const path of [...links, ...programs]) assert.ok(existsSync(path), path);
});

test("every function of its table is exported", () => {
  const rows = tableOf("step");
  assert.ok(rows.length >= 8);
  const exported = new Map<string, unknown>(Object.entries(policy));
  for (const [, cell = ""] of rows) {
    assert.ok(namesIn(cell).length > 0, cell);
    for (const name of namesIn(cell)) assert.equal(typeof exported.get(name), "function", name);
  }
});

test("its policy is read, and nothing but the key file, which is not here, is to be said against it", async () => {
  const [text = "", ...others] = blocksOf("json");
  assert.deepEqual(others, []);
  const [yaml = "", ...more] = blocksOf("yaml");
  assert.deepEqual(more, []);
  const registriesD = await policy.parseRegistriesD([{ path: "team.yaml", text: yaml }]);
  assert.deepEqual(registriesD.warnings, []);
  const findings = await policy.lintPolicy(policy.parsePolicy(text), { text, registriesD });
  assert.deepEqual(
    findings.map(({ code }) => code),
    ["key-unchecked"],
  );
});

test("its programs have no type errors", { timeout: 120_000 }, () => {
  const blocks = blocksOf("ts");
  assert.ok(blocks.length >= 4);
  const config = ts.readConfigFile(join(ROOT, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, ROOT);
  const files = new Map(
    blocks.map((text, index) => [join(ROOT, "examples/policy", `guide-${index}.ts`), text]),
  );
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.getSourceFile = (name, ...rest) => {
    const text = files.get(name);
    if (text === undefined) return getSourceFile.call(host, name, ...rest);
    return ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true);
  };
  host.fileExists = (name) => files.has(name) || fileExists.call(host, name);
  host.readFile = (name) => files.get(name) ?? readFile.call(host, name);
  const program = ts.createProgram([...files.keys()], { ...options, noEmit: true }, host);
  const problems = [...files.keys()].flatMap((name) => {
    const source = program.getSourceFile(name);
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
  });
  assert.deepEqual(
    problems.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n")),
    [],
  );
});

test("its table of findings names every code, and none else", () => {
  const source = readFileSync(join(ROOT, "src/policy/lint/findings.ts"), "utf8");
  const codes = [...source.matchAll(/^ {2}\| "([a-z-]+)"/gm)].map(([, code]) => code);
  const named = tableOf("findings").flatMap(([, cell = ""]) => namesIn(cell));
  assert.deepEqual([...named].sort(), [...codes].sort());
});

test("its table of identities says what each accepts of a plain cosign signature", () => {
  const rows = tableOf("signedIdentity");
  const reference = policy.parseImageReference("quay.io/team/app:1.0");
  const members: Record<string, object> = {
    exactRepository: { dockerRepository: "quay.io/team/app" },
    exactReference: { dockerReference: "quay.io/team/app:1.0" },
    remapIdentity: { prefix: "quay.io", signedPrefix: "quay.io" },
  };
  for (const [cell = "", , plain] of rows) {
    const [type = ""] = namesIn(cell);
    const identity = { type, ...members[type] } as Parameters<typeof policy.matchesIdentity>[0];
    assert.equal(policy.matchesIdentity(identity, reference, "quay.io/team/app"), plain === "yes", type);
    assert.ok(policy.matchesIdentity(identity, reference, "quay.io/team/app:1.0"), type);
  }
  assert.equal(rows.length, 6);
});

test("the texts of refusals are those that come out", async () => {
  const image = policy.dockerImage(policy.parseImageReference("quay.io/team/app:1.0"));
  const evidence = {
    manifest: Buffer.from("{}"),
    signatures: [],
    completeFormats: ["simple-signing" as const, "sigstore-json" as const],
    file: () => Buffer.alloc(0),
    now: 0,
  };
  const texts = tableOf("what the node says").map(([cell = ""]) => namesIn(cell)[0] ?? "");
  const reasonOf = async (requirement: object): Promise<string> => {
    const given = policy.parsePolicy(JSON.stringify({ default: [requirement] }));
    const evaluation = await policy.evaluateRequirements(given, image, evidence);
    assert.equal(evaluation.kind, "rejected");
    return evaluation.kind === "rejected" ? evaluation.reason : "";
  };
  assert.ok(texts.includes(await reasonOf({ type: "sigstoreSigned", keyPath: "/k" })));
  const refusal = await reasonOf({ type: "reject" });
  assert.ok(texts.includes(refusal.replace("quay.io/team/app:1.0", "…")), refusal);
  const source = ["sigstore.ts", "signature.ts", "fulcio.ts", "leaf.ts", "evaluate.ts", "payload.ts"]
    .map((name) => readFileSync(join(ROOT, "src/policy", name), "utf8"))
    .join("\n");
  for (const part of [
    "is not accepted",
    "cryptographic signature verification failed",
    "Required email",
    "annotation",
  ]) {
    assert.ok(source.includes(part), part);
    assert.ok(
      texts.some((text) => text.includes(part)),
      part,
    );
  }
});
