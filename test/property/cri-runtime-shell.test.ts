import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { defaultPrograms } from "../../src/testing/runtime/programs.ts";
import { run } from "../unit/testing/runtime/run.ts";
import { property } from "./runs.ts";

const pieces = fc.constantFrom(
  "echo",
  " ",
  "'",
  '"',
  "\\",
  ";",
  "&&",
  "||",
  ">&2",
  "\n",
  "exit",
  "true",
  "$",
  "x",
  "ü",
);

test("any script ends with an exit code", async () => {
  const scripts = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(pieces, { maxLength: 30 }).map((all) => all.join("")),
  );
  const any = fc.asyncProperty(scripts, async (script) => {
    const { exitCode } = await run(defaultPrograms(), ["sh", "-c", script]);
    assert.ok(Number.isInteger(exitCode) && exitCode >= 0 && exitCode <= 255);
  });
  await fc.assert(any, property);
});

test("words in single quotes come out as they are", async () => {
  const words = fc.array(
    fc.string({ unit: "grapheme" }).map((text) => text.replaceAll("'", "")),
    { minLength: 1 },
  );
  const any = fc.asyncProperty(words, async (all) => {
    const script = `echo x ${all.map((word) => `'${word}'`).join(" ")}`;
    const { stdout } = await run(defaultPrograms(), ["sh", "-c", script]);
    assert.equal(stdout, `x ${all.join(" ")}\n`);
  });
  await fc.assert(any, property);
});
