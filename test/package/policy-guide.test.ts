/** The guide to policies: its files are read, its programs compile, its functions, findings and texts are there. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as policy from "../../src/policy/index.ts";
import {
  blocksOf,
  codesIn,
  linksOf,
  matches,
  programsOf,
  ROOT,
  readGuide,
  tableOf,
  typeProblems,
} from "./guide.ts";

const guide = readGuide("policy.md");

test("every file that it links and every example that it runs is there", () => {
  const links = linksOf(guide);
  const programs = programsOf(guide);
  assert.ok(links.length >= 8 && programs.length >= 6);
  for (const path of [...links, ...programs]) assert.ok(existsSync(path), path);
});

test("every function of its table is exported", () => {
  const rows = tableOf(guide, "step");
  assert.ok(rows.length >= 8);
  const exported = new Map<string, unknown>(Object.entries(policy));
  for (const [, cell = ""] of rows) {
    assert.ok(codesIn(cell).length > 0, cell);
    for (const name of codesIn(cell)) assert.equal(typeof exported.get(name), "function", name);
  }
});

test("its policy is read, and nothing but the key file, which is not here, is to be said against it", async () => {
  const [text = "", ...others] = blocksOf(guide, "json");
  assert.deepEqual(others, []);
  const [yaml = "", ...more] = blocksOf(guide, "yaml");
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
  const programs = blocksOf(guide, "ts");
  assert.ok(programs.length >= 4);
  assert.deepEqual(typeProblems(programs, "examples/policy"), []);
});

test("its table of findings names every code, and none else", () => {
  const source = readFileSync(join(ROOT, "src/policy/lint/findings.ts"), "utf8");
  const codes = matches(source, /^ {2}\| "([a-z-]+)"/gm);
  const named = tableOf(guide, "findings").flatMap(([, cell = ""]) => codesIn(cell));
  assert.deepEqual([...named].sort(), [...codes].sort());
});

test("its table of identities says what each accepts of a plain cosign signature", () => {
  const rows = tableOf(guide, "signedIdentity");
  const reference = policy.parseImageReference("quay.io/team/app:1.0");
  const members: Record<string, object> = {
    exactRepository: { dockerRepository: "quay.io/team/app" },
    exactReference: { dockerReference: "quay.io/team/app:1.0" },
    remapIdentity: { prefix: "quay.io", signedPrefix: "quay.io" },
  };
  for (const [cell = "", , plain] of rows) {
    const [type = ""] = codesIn(cell);
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
  const texts = tableOf(guide, "what the node says").map(([cell = ""]) => codesIn(cell)[0] ?? "");
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
