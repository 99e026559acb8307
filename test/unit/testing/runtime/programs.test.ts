import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultPrograms } from "../../../../src/testing/runtime/programs.ts";
import { run } from "./run.ts";

const ENV = { B: "2", A: "größe", EMPTY: "" };

for (const [args, stdin, stdout, exitCode] of [
  [["true"], [], "", 0],
  [["/usr/bin/false"], [], "", 1],
  [["exit", "5"], [], "", 5],
  [["exit"], [], "", 0],
  [["echo"], [], "\n", 0],
  [["echo", "-n", "a", "b"], [], "a b", 0],
  [["cat"], [], "", 0],
  [["cat", "-"], ["one", "two"], "onetwo", 0],
  [["pwd"], [], "/work\n", 0],
  [["printenv"], [], "B=2\nA=größe\nEMPTY=\n", 0],
  [["printenv", "A", "EMPTY"], [], "größe\n\n", 0],
  [["printenv", "toString", "B"], [], "2\n", 1],
  [["sleep", "0"], [], "", 0],
  [["sleep", "0.01"], [], "", 0],
] as const) {
  test(args.join(" "), async () => {
    const outcome = await run(defaultPrograms(), args, {
      stdin: stdin.map((text) => Buffer.from(text)),
      env: ENV,
    });
    assert.deepEqual(outcome, { stdout, stderr: "", exitCode });
  });
}

for (const args of [["cat", "/etc/passwd"], ["sleep"], ["sleep", "-1"], ["sleep", "soon"]]) {
  test(`${args.join(" ")} fails and says why`, async () => {
    const outcome = await run(defaultPrograms(), args);
    assert.equal(outcome.exitCode, 1);
    assert.notEqual(outcome.stderr, "");
  });
}
