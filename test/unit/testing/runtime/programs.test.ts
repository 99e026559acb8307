import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultPrograms, findProgram } from "../../../../src/testing/runtime/programs.ts";
import { assertNothingLeft, countResources } from "../../../integration/leaks.ts";
import { run, start } from "./run.ts";

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

test("a shell that is killed does not leave the next command of its script waiting", async () => {
  const before = countResources();
  const args = ["sh", "-c", "sleep 1000; sleep 1000"];
  const program = findProgram(defaultPrograms(), args);
  assert.ok(program);
  const process = start(program, { args });
  await new Promise((resolve) => setImmediate(resolve));
  process.kill("SIGKILL");
  await process.exited;
  await new Promise((resolve) => setImmediate(resolve));
  await assertNothingLeft(before);
});
