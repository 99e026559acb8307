/**
 * What is wrong with a policy, before a node has it; and for which images another one decides differently.
 *
 *   node examples/policy/lint.ts
 *   node examples/policy/lint.ts POLICY [REGISTRIES.D]
 *
 * With files the exit code is 1 if there is an error among the findings: this is what runs in CI.
 */
import { readFile, stat } from "node:fs/promises";
import {
  diffPolicies,
  type LintFinding,
  lintPolicy,
  loadPolicyFiles,
  loadRegistriesD,
  PolicyError,
  parsePolicy,
} from "lading/policy";

function print({ severity, code, path, position, message }: LintFinding): void {
  const place = position ? `${position.line}:${position.column}` : path;
  console.log(`${place} ${severity} ${code}: ${message}`);
}

const [file, folder] = process.argv.slice(2);
if (file !== undefined) {
  const text = await readFile(file);
  const registriesD = folder === undefined ? undefined : (await loadRegistriesD({ paths: [folder] })).config;
  try {
    const findings = await lintPolicy(parsePolicy(text), {
      text,
      readFile: loadPolicyFiles(),
      stat,
      registriesD,
    });
    for (const finding of findings) print(finding);
    if (findings.some(({ severity }) => severity === "error")) process.exitCode = 1;
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    const { line = 0, column = 0 } = error.position ?? {};
    console.log(
      `${line}:${column} error ${error.message}${error.hint === undefined ? "" : `: ${error.hint}`}`,
    );
    process.exitCode = 1;
  }
} else {
  const text = `{
  "default": [{ "type": "insecureAcceptAnything" }],
  "transports": {
    "docker": {
      "busybox": [{ "type": "reject" }],
      "quay.io/team": [{ "type": "sigstoreSigned", "keyPath": "cosign.pub" }]
    }
  }
}`;
  const policy = parsePolicy(text);
  for (const finding of await lintPolicy(policy, { text, readFile: loadPolicyFiles("/nowhere") }))
    print(finding);

  const stricter = parsePolicy(text.replace("insecureAcceptAnything", "reject"));
  const images = ["quay.io/team/app:1.0", "busybox", "ghcr.io/team/app:1.0"];
  const { changes, unchanged } = await diffPolicies(policy, stricter, images);
  for (const { kind, before, after, images: affected } of changes) {
    console.log(`${kind}: ${before.outcome.kind} to ${after.outcome.kind} for ${affected.join(" ")}`);
  }
  console.log(`unchanged: ${unchanged.join(" ")}`);
}
